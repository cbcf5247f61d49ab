//! Words for people, in both languages of the product.

use serde::{Deserialize, Deserializer, Serialize, de};

/// The same words in Chinese and in English.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// 中文.
    pub zh: String,
    /// English.
    pub en: String,
}

impl Text {
    /// Words in both languages.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// What reads the same in both languages, such as `9.1 °C > 8 °C`.
    pub fn same(words: impl Into<String>) -> Self {
        let words = words.into();
        Self { zh: words.clone(), en: words }
    }

    /// Both languages in one line, for records that have room for one: `冷藏 / chilled`.
    pub fn in_both(&self) -> String {
        if self.zh == self.en { self.zh.clone() } else { format!("{} / {}", self.zh, self.en) }
    }
}

/// Reads `"GB 31654-2021"`, which reads the same in both languages, or `{ zh = "…", en = "…" }`.
///
/// # Errors
/// What neither is.
pub(crate) fn one_or_both<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
    struct Words;

    impl<'de> de::Visitor<'de> for Words {
        type Value = Text;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text, or a table with `zh` and `en`")
        }

        fn visit_str<E: de::Error>(self, words: &str) -> Result<Text, E> {
            Ok(Text::same(words))
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
            Text::deserialize(de::value::MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Words)
}
