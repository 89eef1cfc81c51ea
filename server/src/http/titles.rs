//! Titles of problems in the caller's language.

use axum::http::{HeaderMap, header};
use sync_core::protocol::problem::ProblemCode;

/// A language that the server's texts exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Chinese, the first.
    Chinese,
    /// English.
    English,
}

impl Language {
    /// What the caller's `Accept-Language` likes best of what there is; Chinese by default.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let ranges = text.unwrap_or_default().split(',').filter_map(range);
        // Of equals the first: max_by would take the last.
        let best = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Self::Chinese, |(language, _)| language)
    }

    /// Its tag (BCP 47).
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// A problem's title.
    pub fn title(self, code: ProblemCode) -> &'static str {
        let (chinese, english) = titles(code);
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }
}

/// One range of the header with its weight in thousandths, if it names a language of ours.
fn range(text: &str) -> Option<(Language, u32)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next()?.to_ascii_lowercase();
    let language = match tag.split('-').next()? {
        "zh" | "*" => Language::Chinese,
        "en" => Language::English,
        _ => return None,
    };
    let weight = match parts.find_map(|part| part.strip_prefix("q=")) {
        Some(weight) => weight.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
        None => 1.0,
    };
    let weight = (weight * 1_000.0).round();
    // Within 0..=1000 by the filter above.
    let thousandths = (0..=1_000).find(|n: &u32| f64::from(*n) >= f64::from(weight))?;
    (thousandths > 0).then_some((language, thousandths))
}

fn titles(code: ProblemCode) -> (&'static str, &'static str) {
    match code {
        ProblemCode::Malformed => ("请求内容无法识别", "The request cannot be read"),
        ProblemCode::TooLarge => ("内容超出大小上限", "The content is larger than allowed"),
        ProblemCode::NotSignedIn => ("请先登录", "Sign in first"),
        ProblemCode::TokenExpired => ("登录凭证已到期,请重新获取", "The access token has expired"),
        ProblemCode::DeviceRevoked => ("这台设备已被停用", "This device has been revoked"),
        ProblemCode::AccountDisabled => ("该账号已停用", "This account has been disabled"),
        ProblemCode::WrongPassword => ("用户名或密码不正确", "Name or password is not right"),
        ProblemCode::WrongCode => {
            ("登记码不正确、已使用或已过期", "The enrolment code is wrong, used or expired")
        }
        ProblemCode::Forbidden => ("没有此项权限", "No role that may do this here"),
        ProblemCode::Denied => ("按规定不能这样做", "The rules do not allow this"),
        ProblemCode::NotFound => ("没有找到", "Not found"),
        ProblemCode::MethodNotAllowed => ("此地址不支持该请求方法", "Not a method of this address"),
        ProblemCode::IdempotencyConflict => {
            ("同一请求编号已用于另一项内容", "The idempotency key was used for another request")
        }
        ProblemCode::IdempotencyKeyMissing => {
            ("缺少请求编号(Idempotency-Key)", "The Idempotency-Key header is missing")
        }
        ProblemCode::CrossSite => {
            ("页面已失效,请刷新后重试", "The token against cross-site requests is not right")
        }
        ProblemCode::VersionNotSpoken => ("应用版本不受支持,请更新", "Update the app"),
        ProblemCode::WrongDevice => ("设备与登录凭证不符", "Not the device of the access token"),
        ProblemCode::UnknownSession => ("未登记的会话", "A session that is not registered"),
        ProblemCode::CursorFromElsewhere => {
            ("同步位置不属于这台服务器", "A cursor of another server or another life of it")
        }
        ProblemCode::TooManyRequests => ("请求过于频繁,请稍后再试", "Too many requests"),
        ProblemCode::AlreadyExists => ("已经存在", "It exists already"),
        ProblemCode::Unavailable => ("服务器繁忙,请稍后重试", "The server is busy, try again"),
        ProblemCode::Internal => ("服务器内部错误", "A defect of the server"),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_what_the_caller_likes_best_of_ours() {
        for (accepts, language) in [
            ("", Language::Chinese),
            ("en", Language::English),
            ("en-GB,en;q=0.9", Language::English),
            ("fr, en;q=0.5, zh;q=0.4", Language::English),
            ("en;q=0.5, zh-CN;q=0.8", Language::Chinese),
            ("zh-Hant, en", Language::Chinese),
            ("en, zh", Language::English),
            ("fr", Language::Chinese),
            ("en;q=0", Language::Chinese),
            ("en;q=nan", Language::Chinese),
            ("*;q=0.1, en;q=0.2", Language::English),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepts));
            assert_eq!(Language::of(&headers), language, "{accepts}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::Chinese);
    }

    #[test]
    fn every_code_has_a_title_of_its_own() {
        for language in [Language::Chinese, Language::English] {
            let titles: std::collections::BTreeSet<&str> =
                ProblemCode::ALL.iter().map(|code| language.title(*code)).collect();
            assert_eq!(titles.len(), ProblemCode::ALL.len());
        }
    }
}
