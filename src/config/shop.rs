//! What all programs of one shop must agree on.

use clap::Args;

use crate::model::money::Currency;

/// What all programs of one shop must agree on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Shop")]
pub struct ShopSettings {
    /// Put before the name of every index, topic and consumer group, so that several shops (or tests)
    /// share the servers: a-z 0-9 and `-`, with `-` at the end, such as `demo-`.
    #[arg(long, env = "SHOPLENS_PREFIX", default_value = "", value_parser = parse_prefix, hide_default_value = true)]
    pub prefix: String,
    /// The one currency of prices and orders.
    #[arg(long, env = "SHOP_CURRENCY", default_value = "EUR")]
    pub currency: Currency,
}

/// Longest prefix, in characters.
const PREFIX_CHARS_MAX: usize = 40;

/// The `-` at the end keeps the names of `demo-` apart from those of `demo2-`, which `demo` would begin too.
fn parse_prefix(text: &str) -> Result<String, String> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts_well = text.starts_with(|first: char| first.is_ascii_lowercase());
    let is_prefix = starts_well && text.ends_with('-') && text.bytes().all(legal);
    if text.is_empty() || (is_prefix && text.len() <= PREFIX_CHARS_MAX) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "must be at most {PREFIX_CHARS_MAX} characters of a-z 0-9 -, start with a letter and end in -, such as demo-"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_elasticsearch_would_refuse_is_refused() {
        assert_eq!(parse_prefix("demo-"), Ok("demo-".to_owned()));
        assert_eq!(parse_prefix(""), Ok(String::new()));
        for text in ["Demo-", "-x-", "-", "a_b-", "a,b-", "*", &("x".repeat(40) + "-")] {
            assert!(parse_prefix(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_that_another_shops_names_could_begin_with_is_refused() {
        assert!(parse_prefix("demo").unwrap_err().contains("end in -"));
    }
}
