//! Text with gaps: `{brand} {model} Laptop, {screen size}`.
//!
//! `{colour}` puts the value in as it is, `{Colour}` in Title Case, `{a colour}` behind `a` or `an`, and
//! `{A colour}` so at the beginning of a sentence.

use serde::Deserialize;
use thiserror::Error;

/// A text with named gaps.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Field { name: String, form: Form },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Title,
    Article,
    FirstArticle,
}

/// A text whose braces do not match.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("the braces do not match in {0:?}")]
pub struct BadTemplate(String);

impl Template {
    /// The names of its gaps.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Field { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with each gap filled by the value of its name; one without a value stays empty.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        let fill_part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field { name, form } => form.apply(value(name).unwrap_or_default()),
        };
        self.0.iter().map(fill_part).collect()
    }
}

impl TryFrom<String> for Template {
    type Error = BadTemplate;
    fn try_from(text: String) -> Result<Self, BadTemplate> {
        let bad = || BadTemplate(text.clone());
        let mut parts = Vec::new();
        for (place, piece) in text.split('{').enumerate() {
            let (field, rest) = match piece.split_once('}') {
                Some((field, rest)) if place > 0 && !field.is_empty() => (Some(field), rest),
                None if place == 0 => (None, piece),
                _ => return Err(bad()),
            };
            if rest.contains('}') {
                return Err(bad());
            }
            parts.extend(field.map(Part::field));
            parts.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
        }
        Ok(Self(parts))
    }
}

impl Part {
    fn field(text: &str) -> Self {
        let (name, form) = match text.split_once(' ') {
            Some(("a", name)) => (name, Form::Article),
            Some(("A", name)) => (name, Form::FirstArticle),
            _ if text.starts_with(char::is_uppercase) => (text, Form::Title),
            _ => (text, Form::Plain),
        };
        Self::Field { name: name.to_lowercase(), form }
    }
}

impl Form {
    fn apply(self, value: &str) -> String {
        match self {
            Self::Plain => value.to_owned(),
            Self::Title => value.split(' ').map(capitalised).collect::<Vec<_>>().join(" "),
            Self::Article => format!("{} {value}", article(value)),
            Self::FirstArticle => format!("{} {value}", capitalised(article(value))),
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The indefinite article as the value sounds: an orange, an 8 GB, an LED, but a utility.
fn article(value: &str) -> &'static str {
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    let is_spelt_out = value.chars().take(2).filter(char::is_ascii_uppercase).count() == 2;
    let sounds_open = match digits.as_str() {
        "" if is_spelt_out => value.starts_with(['A', 'E', 'F', 'H', 'I', 'L', 'M', 'N', 'O', 'R', 'S', 'X']),
        "" if value.starts_with("uni") || value.starts_with("uti") => false,
        "" => value.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']),
        "11" | "18" => true,
        number => number.starts_with('8'),
    };
    if sounds_open { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(text: &str) -> Template {
        Template::try_from(text.to_owned()).unwrap()
    }

    fn filled(text: &str, value: &'static str) -> String {
        template(text).fill(|_| Some(value))
    }

    #[test]
    fn each_form_of_a_gap_is_filled() {
        assert_eq!(filled("in {colour}.", "dark blue"), "in dark blue.");
        assert_eq!(filled("{Colour} Jeans", "dark blue"), "Dark Blue Jeans");
        assert_eq!(filled("{A shape} table", "oval"), "An oval table");
    }

    #[test]
    fn the_article_goes_by_the_sound() {
        for value in ["orange", "8-core", "11 inch", "80 W", "LED", "OLED", "A4", "upright"] {
            assert_eq!(article(value), "an", "{value}");
        }
        for value in ["black", "1 TB", "180 cm", "USB-C", "utility", "unisex", "Mini LED", "QHD"] {
            assert_eq!(article(value), "a", "{value}");
        }
    }

    #[test]
    fn the_names_of_the_gaps_are_told() {
        let fields: Vec<_> = template("{Brand} {a screen size}").fields().map(str::to_owned).collect();
        assert_eq!(fields, ["brand", "screen size"]);
    }

    #[test]
    fn braces_that_do_not_match_are_refused() {
        for text in ["{", "}", "{}", "a {b", "a} b", "{a}}", "{{a}}"] {
            assert!(Template::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_without_gaps_stays_as_it_is(text in "[^{}]*") {
            prop_assert_eq!(filled(&text, "x"), text);
        }
    }
}
