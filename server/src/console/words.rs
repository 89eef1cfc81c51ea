//! The words of the office's pages: the department's catalogue and the office's own, times in the
//! site's zone, amounts.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDateTime};
use serde_json::Value;
use sync_core::model::time::WallMs;
use sync_core::texts::{Catalogue, Language, id_of, source};

static ZH_CN: LazyLock<Catalogue> = LazyLock::new(|| {
    let own = include_str!("../../texts/zh-CN/office.ftl");
    Catalogue::new(Language::ZhCn, &[source(Language::ZhCn), own])
});
static EN: LazyLock<Catalogue> = LazyLock::new(|| {
    let own = include_str!("../../texts/en/office.ftl");
    Catalogue::new(Language::En, &[source(Language::En), own])
});

/// The words of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(pub Language);

impl Words {
    fn catalogue(self) -> &'static Catalogue {
        match self.0 {
            Language::ZhCn => &ZH_CN,
            Language::En => &EN,
        }
    }

    /// The words of `id`.
    pub fn say(self, id: &str) -> String {
        self.catalogue().text(id, &[])
    }

    /// The words of `id` with values in them.
    pub fn with(self, id: &str, values: &[(&str, &str)]) -> String {
        self.catalogue().text(id, values)
    }

    /// The words of a code; the code itself where a newer app wrote one this version does not know.
    pub fn code(self, group: &str, code: &str) -> String {
        self.code_with(group, code, &[])
    }

    /// [`Self::code`] with values in it.
    pub fn code_with(self, group: &str, code: &str, values: &[(&str, &str)]) -> String {
        let id = id_of(group, code);
        if self.catalogue().has(&id) {
            self.catalogue().text(&id, values)
        } else {
            self.with("office-unknown-code", &[("code", code)])
        }
    }

    /// Whether there are words for a code.
    pub fn knows(self, group: &str, code: &str) -> bool {
        self.catalogue().has(&id_of(group, code))
    }

    /// Milliseconds in words.
    pub fn lasted(self, ms: Option<i64>) -> String {
        let Some(ms) = ms else { return self.say("office-unknown") };
        if ms < 60_000 {
            let seconds = format!("{}.{}", ms / 1_000, ms.rem_euclid(1_000) / 100);
            return self.with("office-seconds", &[("seconds", &seconds)]);
        }
        let (minutes, seconds) = ((ms / 60_000).to_string(), (ms / 1_000 % 60).to_string());
        self.with("office-minutes", &[("minutes", &minutes), ("seconds", &seconds)])
    }
}

/// Fen as yuan.
pub fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}¥{}.{:02}", fen / 100, fen % 100)
}

/// A value that nobody has words for.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Times of a site.
#[derive(Debug, Clone, Copy)]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    /// The zone of an IANA name; UTC if there is none.
    pub fn named(name: &str) -> Self {
        Self(name.parse().unwrap_or(chrono_tz::UTC))
    }

    fn write(self, ms: WallMs, form: &str) -> String {
        let at = DateTime::from_timestamp_millis(ms).map(|at| at.with_timezone(&self.0));
        at.map(|at| at.format(form).to_string()).unwrap_or_default()
    }

    /// Month, day, hour and minute.
    pub fn minute(self, ms: WallMs) -> String {
        self.write(ms, "%m-%d %H:%M")
    }

    /// Hour, minute and second.
    pub fn second(self, ms: WallMs) -> String {
        self.write(ms, "%H:%M:%S")
    }

    /// The day.
    pub fn day(self, ms: WallMs) -> String {
        self.write(ms, "%Y-%m-%d")
    }

    /// As machines read it, for `<time datetime>`.
    pub fn machine(self, ms: WallMs) -> String {
        self.write(ms, "%Y-%m-%dT%H:%M:%S%:z")
    }

    /// An RFC 3339 text as people of the site read it; the text itself if it is none.
    pub fn read(self, text: &str) -> String {
        DateTime::parse_from_rfc3339(text)
            .map_or_else(|_| text.to_owned(), |at| self.minute(at.timestamp_millis()))
    }

    /// What was typed as a local time (`2026-11-26T14:00`), as RFC 3339; none if it is no time.
    pub fn typed(self, text: &str) -> Option<String> {
        let local = NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%dT%H:%M").ok()?;
        let at = local.and_local_timezone(self.0).earliest()?;
        Some(at.format("%Y-%m-%dT%H:%M:%S%:z").to_string())
    }

    /// When the day of `ms` began.
    pub fn midnight_ms(self, ms: WallMs) -> WallMs {
        let day = DateTime::from_timestamp_millis(ms).map(|at| at.with_timezone(&self.0));
        let first = day.and_then(|at| at.date_naive().and_hms_opt(0, 0, 0));
        let first = first.and_then(|at| at.and_local_timezone(self.0).earliest());
        first.map_or(ms - ms.rem_euclid(86_400_000), |at| at.timestamp_millis())
    }
}
