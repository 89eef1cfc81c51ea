//! Enrolment by a one-time code, and access tokens by signing the server's nonce.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::transport::{HttpRequest, Method, accept};
use super::{Inner, Replica};
use crate::model::id::{DeviceId, PersonId};
use crate::protocol::enrolment::{
    EnrolRequest, EnrolResponse, NonceResponse, TokenRequest, TokenResponse,
};
use crate::protocol::identity::{fingerprint, nonce_statement};
use crate::store::{Identity, StoreError, StoreWrite};
use crate::{Error, Result};

const JSON: &str = "application/json";

/// Who enrolled on this phone.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The person.
    pub person: PersonId,
    /// The person's name as enrolled.
    pub person_name: String,
    /// The device, as the installation numbers it.
    pub device: DeviceId,
    /// The installation's fingerprint.
    pub installation: String,
}

/// How a person's new device goes on.
struct Follows {
    /// The number of its first command.
    first_number: u64,
    /// Where the person's account begins.
    account_from: u64,
    /// What keeps the work that the former one had not sent.
    writes: Vec<StoreWrite>,
}

/// An enrolment whose answer has not come.
#[derive(Serialize, Deserialize)]
struct Enrolling {
    code: String,
    /// The key's secret, base64url.
    secret: String,
}

impl Drop for Enrolling {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

/// An access token.
pub(super) struct Token {
    text: String,
    /// By the phone's monotonic clock; the server's leeway is its own.
    good_until_ms: i64,
}

impl Replica {
    /// Whose phone it is, on which device, of which installation; none before it is enrolled.
    ///
    /// # Errors
    /// If the installation's stored key is none.
    pub async fn enrolment(&self) -> Result<Option<Enrolment>> {
        let inner = self.inner().await?;
        let Some(identity) = &inner.identity else {
            return Ok(None);
        };
        let key = VerifyingKey::from_bytes(&identity.installation_key).map_err(|error| {
            Error::Malformed { what: "installation key", detail: error.to_string() }
        })?;
        Ok(Some(Enrolment {
            person: identity.person,
            person_name: identity.person_name.clone(),
            device: identity.device,
            installation: fingerprint(&key),
        }))
    }

    /// Enrols the person named by a one-time code on this device. `installation` is the
    /// fingerprint that came with a scanned code: another server is then refused.
    ///
    /// What the same person's former device had not sent is signed by that device's key and handed
    /// in with the next sync; the person's numbers go on.
    ///
    /// # Errors
    /// [`Error::Answered`] with `wrong_code`; [`Error::Malformed`] if the answer's certificate is
    /// not by the installation it names; [`Error::UnsentWork`] while another person's work is on
    /// the phone alone: the code stays good.
    pub async fn enrol(
        &self,
        code: &str,
        device_name: &str,
        installation: Option<&str>,
    ) -> Result<PersonId> {
        // No answer for whoever was here before may be applied to whoever comes.
        let _one_at_a_time = self.in_flight.lock().await;
        let secret = self.trial_key(code).await?;
        let key = SigningKey::from_bytes(&secret);
        let request = EnrolRequest {
            code: code.to_owned(),
            public_key: BASE64URL_NOPAD.encode(key.verifying_key().as_bytes()),
            device_name: device_name.to_owned(),
        };
        let answer: EnrolResponse = self.post_json("/v1/enrol", &request).await?;
        let installation_key = check_certificate(&answer, &key.verifying_key(), installation)?;
        let person = answer.certificate.person;
        let mut inner = self.inner().await?;
        // What has to be signed by the former key is what can be read.
        self.set_unreadable_aside(&mut inner).await?;
        // Whoever was here before says what is to become of their work; the code stays good.
        let mut farewell = Vec::new();
        if let Some(other) = inner.identity.as_ref().filter(|identity| identity.person != person) {
            let commands = self.unsent(other).await?;
            if commands > 0 {
                return Err(Error::UnsentWork { commands });
            }
            farewell = self.farewell(other).await?;
        }
        let Follows { first_number, account_from, mut writes } =
            self.follow(person, answer.certificate.device).await?;
        let identity = Identity {
            person,
            device: answer.certificate.device,
            person_name: answer.person_name,
            signing_key: secret,
            certificate_json: serde_json::to_string(&answer.certificate).map_err(malformed)?,
            installation_key,
            enrolled_wall_ms: self.clock.wall_ms(),
            first_number,
            account_from,
        };
        writes.extend(farewell);
        inner.in_doubt = true;
        // Another device has receipts of its own, and its key did not open the old session.
        writes.extend([
            StoreWrite::PutIdentity(identity.clone()),
            StoreWrite::PutReceiptsAfter { owner: person, receipts_after: 0 },
            StoreWrite::PutReEnrol { owner: person, re_enrol: false },
            StoreWrite::DeleteEnrolling,
        ]);
        self.store.apply("enrol", &writes).await?;
        inner.clear();
        inner.identity = Some(identity);
        inner.load(&self.store, self.clock.monotonic_ms()).await?;
        inner.in_doubt = false;
        Ok(person)
    }

    /// The new key that is tried with this code. It is kept until the answer has come, also when
    /// the app is killed meanwhile: the server answers the same code and key again, another key
    /// would find the code used.
    async fn trial_key(&self, code: &str) -> Result<zeroize::Zeroizing<[u8; 32]>> {
        let tried = match self.store.enrolling().await {
            Ok(tried) => tried.and_then(|json| serde_json::from_str::<Enrolling>(&json).ok()),
            // It was never used, or its code needs another try.
            Err(StoreError::Damaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(tried) = tried.filter(|tried| tried.code == code)
            && let Ok(secret) = BASE64URL_NOPAD.decode(tried.secret.as_bytes())
            && let Ok(secret) = <[u8; 32]>::try_from(secret)
        {
            return Ok(secret.into());
        }
        let mut secret = zeroize::Zeroizing::new([0; 32]);
        self.randomness.fill(&mut *secret);
        let enrolling =
            Enrolling { code: code.to_owned(), secret: BASE64URL_NOPAD.encode(&*secret) };
        let json = serde_json::to_string(&enrolling).map_err(malformed)?;
        self.store.apply("enrolling", &[StoreWrite::PutEnrolling { json }]).await?;
        Ok(secret)
    }

    /// How a person's new device follows the former one.
    async fn follow(&self, person: PersonId, device: DeviceId) -> Result<Follows> {
        let identities = self.store.identities().await?;
        let former = identities.iter().find(|identity| identity.person == person);
        let highest = self.store.sync_state(person).await?.highest_number;
        let (account_from, writes) = match former {
            // The same answer again.
            Some(same) if same.device == device => {
                return Ok(Follows {
                    first_number: same.first_number,
                    account_from: same.account_from,
                    writes: Vec::new(),
                });
            }
            Some(former) => (former.account_from, self.leave(former).await?),
            // Never here, or signed out.
            None => (highest, Vec::new()),
        };
        Ok(Follows { first_number: highest + 1, account_from, writes })
    }

    /// The current access token, or a new one where its life is over: a push of days would else go
    /// out under it only to be answered `token_expired`, and go out again.
    pub(super) async fn token(&self) -> Result<String> {
        let asked_ms = self.clock.monotonic_ms();
        let (person, device, key, certificate) = {
            let inner = self.inner.lock().await;
            if let Some(token) = inner.token.as_ref().filter(|token| asked_ms < token.good_until_ms)
            {
                return Ok(token.text.clone());
            }
            let identity = inner.identity.as_ref();
            let identity =
                identity.ok_or_else(|| Error::SignInAgain { code: "not_enrolled".to_owned() })?;
            let certificate = serde_json::from_str(&identity.certificate_json).ok();
            let key = SigningKey::from_bytes(&identity.signing_key);
            (identity.person, identity.device, key, certificate)
        };
        let nonce: NonceResponse = self.post_json("/v1/nonce", &serde_json::json!({})).await?;
        let bytes = BASE64URL_NOPAD.decode(nonce.nonce.as_bytes()).map_err(|_| Error::Offline {
            detail: "the server's nonce does not read".to_owned(),
        })?;
        let statement = nonce_statement(person, device, &bytes);
        let request = TokenRequest {
            person,
            device,
            nonce: nonce.nonce,
            signature: BASE64URL_NOPAD.encode(&key.sign(&statement).to_bytes()),
            certificate,
        };
        let answer: TokenResponse = self.post_json("/v1/token", &request).await?;
        let life_ms = i64::try_from(answer.expires_in_s).unwrap_or(i64::MAX).saturating_mul(1_000);
        let good_until_ms = asked_ms.saturating_add(life_ms);
        let text = answer.access_token;
        self.inner.lock().await.token = Some(Token { text: text.clone(), good_until_ms });
        Ok(text)
    }

    async fn post_json<A: for<'de> serde::Deserialize<'de>>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> Result<A> {
        let request = HttpRequest {
            method: Method::Post,
            url: format!("{}{path}", self.server_url),
            content_type: JSON,
            bearer: None,
            body: serde_json::to_vec(body).map_err(malformed)?,
        };
        let body = accept(self.transport.send(request).await?)?;
        serde_json::from_slice(&body).map_err(malformed)
    }
}

impl Inner {
    /// The key this person signs with on this device.
    pub(super) fn signing_key(&self) -> Result<SigningKey> {
        let identity = self.identity.as_ref();
        identity
            .map(|identity| SigningKey::from_bytes(&identity.signing_key))
            .ok_or_else(|| Error::SignInAgain { code: "not_enrolled".to_owned() })
    }
}

fn check_certificate(
    answer: &EnrolResponse,
    key: &VerifyingKey,
    installation: Option<&str>,
) -> Result<[u8; 32]> {
    let wrong =
        || Error::Malformed { what: "certificate", detail: "not this installation's".into() };
    let bytes = BASE64URL_NOPAD.decode(answer.installation_key.as_bytes()).ok();
    let bytes: [u8; 32] = bytes.and_then(|b| b.try_into().ok()).ok_or_else(wrong)?;
    let installation_key = VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())?;
    if installation.is_some_and(|expected| expected != fingerprint(&installation_key)) {
        return Err(wrong());
    }
    let certified = answer.certificate.verify(&installation_key).map_err(|_| wrong())?;
    if certified == *key { Ok(bytes) } else { Err(wrong()) }
}

fn malformed(error: serde_json::Error) -> Error {
    Error::Malformed { what: "json", detail: error.to_string() }
}
