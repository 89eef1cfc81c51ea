//! The terminal's own words. Everything about records has its words in the core's catalogue.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use clap::ValueEnum;

/// A language of the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Language {
    /// 简体中文
    #[default]
    #[value(name = "zh-CN", alias = "zh")]
    ZhCn,
    /// English
    #[value(name = "en")]
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

    /// The language of a tag, if it is one of ours.
    pub fn of_tag(tag: &str) -> Option<Self> {
        [Self::ZhCn, Self::En].into_iter().find(|language| language.tag() == tag)
    }

    /// The terminal's words of an id; the id itself where there are none.
    pub fn say(self, id: &str, arguments: &[(&str, &str)]) -> String {
        let catalogue = match self {
            Self::ZhCn => &*ZH_CN,
            Self::En => &*EN,
        };
        let mut rest = catalogue.get(id).copied().unwrap_or(id);
        let mut words = String::new();
        while let Some((before, after)) = rest.split_once("{ $") {
            let Some((name, after)) = after.split_once(" }") else { break };
            let value = arguments.iter().find(|(known, _)| *known == name);
            words.push_str(before);
            words.push_str(value.map_or(name, |(_, value)| value));
            rest = after;
        }
        words.push_str(rest);
        words
    }

    /// The core's words of an id.
    pub fn core(self, id: &str, arguments: &[(&str, &str)]) -> String {
        let arguments = arguments.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        fieldbook_mobile::words(self.tag().to_owned(), id.to_owned(), arguments)
            .unwrap_or_else(|_| id.to_owned())
    }

    /// The core's words of a code; the code itself where there are none.
    pub fn code(self, group: &str, code: &str) -> String {
        self.code_with(group, code, &[])
    }

    /// The same with what is filled in.
    pub fn code_with(self, group: &str, code: &str, arguments: &[(&str, &str)]) -> String {
        let id = format!("{group}-{}", code.replace('_', "-"));
        let words = self.core(&id, arguments);
        if words == id { code.to_owned() } else { words }
    }

    /// Why a command is refused, held or not stored, with the parameters of its receipt.
    pub fn refusal(self, code: &str, params: &HashMap<String, String>) -> String {
        let arguments: Vec<(&str, &str)> =
            params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let words = ["denial", "refusal", "problem"].into_iter().map(|group| {
            let words = self.code_with(group, code, &arguments);
            (words != code).then_some(words)
        });
        words.flatten().next().unwrap_or_else(|| code.to_owned())
    }
}

type Catalogue = BTreeMap<&'static str, &'static str>;

static ZH_CN: LazyLock<Catalogue> =
    LazyLock::new(|| catalogue(include_str!("../../../texts/zh-CN/phone.ftl")));
static EN: LazyLock<Catalogue> =
    LazyLock::new(|| catalogue(include_str!("../../../texts/en/phone.ftl")));

/// One message a line: what these catalogues need of Fluent's form.
fn catalogue(text: &'static str) -> Catalogue {
    text.lines().filter_map(|line| line.split_once(" = ")).collect()
}

/// The language of a locale such as `en_GB.UTF-8`, if it is one of ours.
pub fn of_locale(locale: &str) -> Option<Language> {
    match locale.split(['_', '-', '.', '@']).next() {
        Some("zh") => Some(Language::ZhCn),
        Some("en") => Some(Language::En),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_the_same_ids_with_the_same_places() {
        let places = |words: &str| {
            let mut names: Vec<String> = words
                .split("{ $")
                .skip(1)
                .filter_map(|rest| rest.split_once(" }"))
                .map(|(name, _)| name.to_owned())
                .collect();
            names.sort_unstable();
            names
        };
        let ids = |catalogue: &Catalogue| catalogue.keys().copied().collect::<Vec<_>>();
        assert_eq!(ids(&ZH_CN), ids(&EN));
        for (id, words) in &*ZH_CN {
            assert_eq!(places(words), places(EN[id]), "{id}");
        }
    }

    #[test]
    fn every_text_of_the_sources_is_in_the_catalogue_and_nothing_else_is() {
        let sources = [
            include_str!("answer.rs"),
            include_str!("demo.rs"),
            include_str!("failure.rs"),
            include_str!("inbox.rs"),
            include_str!("list.rs"),
            include_str!("outbox.rs"),
            include_str!("patrol.rs"),
            include_str!("run.rs"),
            include_str!("salvage.rs"),
            include_str!("show.rs"),
            include_str!("signing.rs"),
        ];
        for id in EN.keys() {
            let named = format!("\"{id}\"");
            assert!(sources.iter().any(|source| source.contains(&named)), "{id} is nobody's");
        }
        let said = sources.iter().flat_map(|source| source.split(".say(\"").skip(1));
        for id in said.filter_map(|rest| rest.split('"').next()) {
            assert!(EN.contains_key(id), "{id} has no words");
        }
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        let words = Language::En.say("error-file", &[("what", "{ $why }"), ("why", "gone")]);
        assert!(words.contains("{ $why }") && words.contains("gone"), "{words}");
        assert_eq!(Language::En.say("no-such-id", &[]), "no-such-id");
    }

    #[test]
    fn a_locale_names_its_language() {
        assert_eq!(of_locale("en_GB.UTF-8"), Some(Language::En));
        assert_eq!(of_locale("zh_CN"), Some(Language::ZhCn));
        assert_eq!(of_locale("C.UTF-8"), None);
    }
}
