//! How the model's ids stand in CBOR: byte strings for hashes and ids, numbers for numbers, text
//! for audiences.

use minicbor::data::Type;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};
use minicbor::{Decode, Encode};

use crate::model::audience::Audience;
use crate::model::id::{ChangeHash, DeviceId, PersonId, RecordId, SessionId, SiteId};
use crate::model::time::{BootId, Seen};

macro_rules! bytes_id {
    ($($name:ident),*) => {$(
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                let bytes = d.bytes()?;
                bytes.try_into().map(Self).map_err(|_| decode::Error::message("wrong length"))
            }
        }
    )*};
}

bytes_id!(RecordId, SessionId, ChangeHash, BootId);

macro_rules! number_id {
    ($($name:ident),*) => {$(
        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.u32(self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                d.u32().map(Self)
            }
        }
    )*};
}

number_id!(SiteId, PersonId, DeviceId);

impl<C> Encode<C> for Seen {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?.u32(self.epoch)?.u64(self.sequence)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Seen {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.array()? != Some(2) {
            return Err(decode::Error::message("expected [epoch, sequence]"));
        }
        Ok(Self { epoch: d.u32()?, sequence: d.u64()? })
    }
}

impl<C> Encode<C> for Audience {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Audience {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        if d.datatype()? != Type::String {
            return Err(decode::Error::message("expected an audience"));
        }
        d.str()?.parse().map_err(|_| decode::Error::message("not an audience"))
    }
}
