//! A sealed file of hand-overs that somebody of the office brings. Each hand-over stands for
//! itself: one that cannot be taken keeps no other person's work out.

use sync_core::protocol::chain::Numbers;
use sync_core::protocol::parcel::{self, NotOpened, PARCEL_BYTES_MAX, ParcelCode};
use sync_core::protocol::problem::ProblemCode;

use super::{Bearer, Carrier, Sync};
use crate::people::Act;
use crate::{Error, Result};

/// What became of a parcel.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Commands that the server has now, by who wrote them where.
    pub stored: Vec<(Bearer, Numbers)>,
    /// Whose hand-over was not taken, and why.
    pub refused: Vec<(Bearer, ProblemCode)>,
}

impl Sync {
    /// Takes a parcel, as often as it comes with the same effect.
    ///
    /// # Errors
    /// `parcel_code_wrong`, `parcel_altered`, `too_large` or `malformed` if it does not open; why
    /// its first hand-over was refused, if all of them were. Nothing was stored then.
    pub async fn take_parcel(&self, act: Act, file: &[u8], code: &str) -> Result<Taken> {
        let code = ParcelCode::read(code).ok_or_else(|| problem(NotOpened::WrongCode))?;
        let hand_overs = parcel::open(file, &code).map_err(problem)?;
        let mut taken = Taken::default();
        for hand_over in &hand_overs {
            let certificate = &hand_over.certificate;
            let who = Bearer { person: certificate.person, device: certificate.device };
            match self.hand_in(Carrier::Office(act), hand_over).await {
                Ok(answer) => taken.stored.extend(answer.stored.iter().map(|n| (who, *n))),
                Err(Error::Problem { code, .. }) if code.status() < 500 => {
                    taken.refused.push((who, code));
                }
                Err(error) => return Err(error),
            }
        }
        match taken.refused.first() {
            Some((_, code)) if taken.refused.len() == hand_overs.len() => {
                Err(Error::problem(*code))
            }
            _ => Ok(taken),
        }
    }
}

fn problem(why: NotOpened) -> Error {
    match why {
        NotOpened::TooLarge => {
            Error::problem(ProblemCode::TooLarge).with("limit", PARCEL_BYTES_MAX)
        }
        NotOpened::NotAParcel => Error::malformed("file"),
        NotOpened::WrongCode => Error::problem(ProblemCode::ParcelCodeWrong),
        NotOpened::Altered => Error::problem(ProblemCode::ParcelAltered),
    }
}
