//! Variable-length integers and a bounded reader over hostile bytes. Shared by chunks and packs;
//! never allocates, never panics.

/// Why bytes do not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    End,
    /// A variable-length integer that is longer than needed, or larger than 64 bits.
    #[error("an integer in no shortest form")]
    Integer,
}

/// Reads from the front of a slice.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], ReadError> {
        let length = usize::try_from(length).map_err(|_| ReadError::End)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ReadError::End)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(ReadError::End)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, ReadError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Unsigned LEB128, shortest form only.
    pub(super) fn unsigned(&mut self) -> Result<u64, ReadError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(ReadError::Integer);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err(ReadError::Integer) };
            }
        }
        Err(ReadError::Integer)
    }

    /// Signed LEB128, shortest form only.
    pub(super) fn signed(&mut self) -> Result<i64, ReadError> {
        let mut value = 0_i64;
        let mut sign_before = None;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            let sign = byte & 0x40 != 0;
            if byte & 0x80 == 0 {
                // A last byte of nothing but the sign that the byte before has already.
                let idle = (byte == 0 && sign_before == Some(false))
                    || (byte == 0x7f && sign_before == Some(true));
                if idle || (shift == 63 && byte != 0 && byte != 0x7f) {
                    return Err(ReadError::Integer);
                }
                return Ok(if sign && shift < 57 { value | (-1 << (shift + 7)) } else { value });
            }
            sign_before = Some(sign);
        }
        Err(ReadError::Integer)
    }
}

/// Unsigned LEB128.
pub(super) fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Signed LEB128.
pub(super) fn write_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        let done = (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0);
        if done {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_integer_is_refused() {
        for bytes in [&[0x80, 0x00][..], &[0x81, 0x00], &[0xff; 10], &[0x80; 20]] {
            assert_eq!(Reader::new(bytes).unsigned(), Err(ReadError::Integer), "{bytes:?}");
        }
        assert_eq!(Reader::new(&[0x80]).unsigned(), Err(ReadError::End));
        assert_eq!(Reader::new(&[0x80, 0x00]).signed(), Err(ReadError::Integer));
        assert_eq!(Reader::new(&[0xff, 0x7f]).signed(), Err(ReadError::Integer));
        for last in [0x01, 0x3f, 0x40, 0x7e] {
            let mut beyond = [0x80; 10];
            beyond[9] = last;
            assert_eq!(Reader::new(&beyond).signed(), Err(ReadError::Integer), "{last}");
        }
    }

    #[test]
    fn a_forged_length_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.take(u64::MAX), Err(ReadError::End));
        assert_eq!(reader.take(4), Err(ReadError::End));
        assert_eq!(reader.rest(), [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn integers_round_trip(unsigned in any::<u64>(), signed in any::<i64>(), shift in 0..64) {
            let (unsigned, signed) = (unsigned >> shift, signed >> shift);
            let mut bytes = Vec::new();
            write_unsigned(&mut bytes, unsigned);
            write_signed(&mut bytes, signed);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.unsigned(), Ok(unsigned));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn an_integer_that_reads_is_in_the_form_that_is_written(
            bytes in proptest::collection::vec(any::<u8>(), 1..12)
        ) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.signed() {
                let mut again = Vec::new();
                write_signed(&mut again, value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - reader.rest().len()]);
            }
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.unsigned() {
                let mut again = Vec::new();
                write_unsigned(&mut again, value);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - reader.rest().len()]);
            }
        }
    }
}
