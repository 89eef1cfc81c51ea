//! The style and the script, built into the program. Their names hold their hash, so a browser
//! keeps them for ever and never shows an old one.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use sync_core::protocol::problem::ProblemCode;

use crate::{Error, Result};

/// A file of the pages.
pub struct Asset {
    /// Its name, with its hash.
    pub name: String,
    media_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, content: &'static str) -> Self {
        let hash = HEXLOWER.encode(&Sha256::digest(content.as_bytes())[..8]);
        Self { name: format!("{stem}.{hash}.{ending}"), media_type, content }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("/office/assets/{}", self.name)
    }
}

/// The style.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../../assets/office.css");
    Asset::new("office", "css", "text/css; charset=utf-8", content)
});

/// The script.
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let content = include_str!("../../assets/office.js");
    Asset::new("office", "js", "text/javascript; charset=utf-8", content)
});

/// Answers one of them.
///
/// # Errors
/// `not_found` for any other name.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response> {
    let assets: [&Asset; 2] = [&STYLE, &SCRIPT];
    let asset = assets.into_iter().find(|asset| asset.name == name);
    let asset = asset.ok_or(Error::problem(ProblemCode::NotFound))?;
    let tag = format!("\"{}\"", asset.name);
    let kept = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
    ];
    let had = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if had == Some(tag.as_str()) {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let kind = [(header::CONTENT_TYPE, asset.media_type)];
    Ok((kept, kind, asset.content).into_response())
}
