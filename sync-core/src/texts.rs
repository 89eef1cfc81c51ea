//! The words people read, from catalogues in Chinese and English. Codes and content come from
//! elsewhere; here they get their words.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde::{Deserialize, Serialize};

use crate::model::id::BadId;

/// A language of the interface.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub enum Language {
    /// 简体中文
    #[default]
    #[serde(rename = "zh-CN")]
    ZhCn,
    /// English
    #[serde(rename = "en")]
    En,
}

impl Language {
    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::ZhCn => "zh-CN",
            Self::En => "en",
        }
    }

    /// The language an `Accept-Language` header asks for first; Chinese if it says nothing known.
    pub fn accepted(header: &str) -> Self {
        let wanted = header.split(',').map(|part| part.split(';').next().unwrap_or("").trim());
        wanted.filter_map(|tag| tag.parse().ok()).next().unwrap_or_default()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl FromStr for Language {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let lower = text.to_ascii_lowercase();
        match lower.split('-').next() {
            Some("zh") => Ok(Self::ZhCn),
            Some("en") => Ok(Self::En),
            _ => Err(BadId { what: "language" }),
        }
    }
}

/// The words of one language, from one or more sources: a program adds its own to those of the
/// department.
pub struct Catalogue(FluentBundle<FluentResource>);

static ZH_CN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::new(Language::ZhCn, &[source(Language::ZhCn)]));
static EN: LazyLock<Catalogue> =
    LazyLock::new(|| Catalogue::new(Language::En, &[source(Language::En)]));

impl Catalogue {
    /// Reads Fluent sources that are built into the program.
    ///
    /// # Panics
    /// If a source does not parse, or two of them have the same id: a test reads every source.
    pub fn new(language: Language, sources: &[&str]) -> Self {
        let tag = language.tag().parse().expect("a well-formed tag");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Isolation marks would stand inside names and amounts that people copy.
        bundle.set_use_isolating(false);
        for source in sources {
            let resource =
                FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(_, errors)| {
                    panic!("the catalogue {language} parses: {errors:?}")
                });
            bundle.add_resource(resource).expect("every id stands once");
        }
        Self(bundle)
    }

    /// The words of `id`; the id itself where the catalogue has none, so that nothing is ever
    /// blank.
    pub fn text(&self, id: &str, arguments: &[(&str, &str)]) -> String {
        let Some(pattern) = self.0.get_message(id).and_then(|message| message.value()) else {
            return id.to_owned();
        };
        let mut values = FluentArgs::new();
        for (name, value) in arguments {
            values.set((*name).to_owned(), (*value).to_owned());
        }
        let mut errors = Vec::new();
        self.0.format_pattern(pattern, Some(&values), &mut errors).into_owned()
    }

    /// Whether the catalogue has words for `id`.
    pub fn has(&self, id: &str) -> bool {
        self.0.get_message(id).is_some_and(|message| message.value().is_some())
    }
}

/// One language's words: what is everybody's, and one file a kind.
macro_rules! words {
    ($language:literal: $($file:literal)+) => {
        concat!($(include_str!(concat!("../texts/", $language, "/", $file, ".ftl")), "\n",)+)
    };
}

/// The Fluent source of the department's words.
pub fn source(language: Language) -> &'static str {
    match language {
        Language::ZhCn => {
            words!("zh-CN": "fieldbook" "reception" "complaint" "repair_notice" "follow_up" "violation" "money" "periodic" "store")
        }
        Language::En => {
            words!("en": "fieldbook" "reception" "complaint" "repair_notice" "follow_up" "violation" "money" "periodic" "store")
        }
    }
}

fn of(language: Language) -> &'static Catalogue {
    match language {
        Language::ZhCn => &ZH_CN,
        Language::En => &EN,
    }
}

/// [`Catalogue::text`] of the department's words.
pub fn text(language: Language, id: &str, arguments: &[(&str, &str)]) -> String {
    of(language).text(id, arguments)
}

/// Whether the department's catalogue has words for `id`.
pub fn has_text(language: Language, id: &str) -> bool {
    of(language).has(id)
}

/// The id of a code's words: `denial-not-your-role` for (`denial`, `not_your_role`).
pub fn id_of(group: &str, code: &str) -> String {
    format!("{group}-{}", code.replace('_', "-"))
}

/// The words of a code.
pub fn code_text(
    language: Language,
    group: &str,
    code: &str,
    arguments: &[(&str, &str)],
) -> String {
    text(language, &id_of(group, code), arguments)
}
