//! Prices as shops write them, to the exact minor unit: `$1,299.00`, `1.299,00 €`, `CHF 1'299.-`, `19.9`.
//!
//! What can be read in two ways is refused, for a price that is wrong by a thousand is worse than none.

use serde::Deserialize;

use crate::model::money::{Cents, Currency};

/// Highest price that is believed: what an event may carry.
const PRICE_MAX: Cents = Cents(1_000_000_000_000);

/// What stands before the minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum DecimalMark {
    /// `1,299.00`
    #[serde(rename = ".")]
    Point,
    /// `1.299,00`
    #[serde(rename = ",")]
    Comma,
}

impl DecimalMark {
    fn as_char(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }
}

/// Signs that stand for currencies, and the codes that they may mean.
const SIGNS: [(char, &[&str]); 6] = [
    ('$', &["USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"]),
    ('€', &["EUR"]),
    ('£', &["GBP"]),
    ('¥', &["JPY", "CNY"]),
    ('₹', &["INR"]),
    ('₽', &["RUB"]),
];

/// The currencies of ISO 4217 that people pay with: any other three letters in a price are just words.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD \
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL \
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD \
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD \
    UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// Reads a price in the currency of the shop.
///
/// # Errors
/// Why it cannot be read, or in which two ways it can, as the rest of a sentence about the line.
pub fn read(text: &str, mark: Option<DecimalMark>, currency: Currency) -> Result<Cents, String> {
    let number = without_currency(text, currency)?;
    let digits_and_marks = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    if number.is_empty()
        || !number.chars().all(digits_and_marks)
        || !number.contains(|c: char| c.is_ascii_digit())
    {
        return Err(no_amount(text));
    }
    let mark = mark.or_else(|| mark_of(&number));
    let Some(mark) = mark else {
        return Err(format!(
            "the price {text:?} may be meant in thousands or with decimals: say decimal_mark = \".\" or \",\" in the mapping"
        ));
    };
    amount(&number, mark)
        .ok_or_else(|| format!("the price {text:?} cannot be read as an amount with two decimals"))
}

/// The decimal mark of a price that can be read in one way only; `None` for one that fits both.
pub fn unmistakable_mark(text: &str) -> Option<DecimalMark> {
    let number: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let has_mark = number.contains(['.', ',']);
    mark_of(&number).filter(|mark| has_mark && amount(&number, *mark).is_some())
}

/// The text without spaces, thousands' apostrophes and the currency, which must be the shop's.
fn without_currency(text: &str, currency: Currency) -> Result<String, String> {
    let other = |found: &str| {
        format!(
            "the price {text:?} is in {found}, but SHOP_CURRENCY is {currency}: set it to the catalogue's"
        )
    };
    let mut number = String::new();
    let mut letters = String::new();
    for c in text.chars() {
        if let Some((sign, codes)) = SIGNS.iter().find(|(sign, _)| *sign == c) {
            if !codes.contains(&currency.as_str()) {
                return Err(other(&sign.to_string()));
            }
        } else if c.is_alphabetic() {
            letters.extend(c.to_uppercase());
        } else if !c.is_whitespace() && !matches!(c, '\'' | '’') {
            number.push(c);
        }
    }
    // `1299.-` is how some write a price without minor units.
    let number = number.strip_suffix(".-").or(number.strip_suffix(",-")).unwrap_or(&number).to_owned();
    // `US$`, `A$` …: the sign has said it.
    let is_prefix = currency.as_str().starts_with(&letters) && text.contains('$');
    if letters.is_empty() || letters == currency.as_str() || is_prefix {
        return Ok(number);
    }
    // Without a number even a known code is a word: `try`, `all`.
    let is_code =
        number.contains(|c: char| c.is_ascii_digit()) && CODES.split(' ').any(|code| code == letters);
    Err(if is_code { other(&letters) } else { no_amount(text) })
}

/// The refusal of what is no price, such as `TBD`, or several.
pub fn no_amount(text: &str) -> String {
    format!("the price {text:?} is not one amount such as 12.50; leave it empty where there is none")
}

/// The decimal mark that the number's own shape tells.
fn mark_of(number: &str) -> Option<DecimalMark> {
    let count = |c: char| number.matches(c).count();
    match (count('.'), count(',')) {
        (0, 0) => Some(DecimalMark::Point),
        (_, 0) => mark_of_one_kind(number, '.', DecimalMark::Point, DecimalMark::Comma),
        (0, _) => mark_of_one_kind(number, ',', DecimalMark::Comma, DecimalMark::Point),
        _ => {
            Some(if number.rfind('.') > number.rfind(',') { DecimalMark::Point } else { DecimalMark::Comma })
        }
    }
}

/// With one kind of mark: several of them part thousands; a single one before three digits may do either.
fn mark_of_one_kind(
    number: &str,
    mark: char,
    itself: DecimalMark,
    other: DecimalMark,
) -> Option<DecimalMark> {
    let mut parts = number.split(mark);
    let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if parts.next().is_some() {
        return Some(other);
    }
    // Nobody writes 0,125 for 125.
    let may_be_thousands = second.len() == 3 && (1..=3).contains(&first.len()) && !first.starts_with('0');
    (!may_be_thousands).then_some(itself)
}

fn amount(number: &str, mark: DecimalMark) -> Option<Cents> {
    let (major, minor) = number.split_once(mark.as_char()).unwrap_or((number, ""));
    let groups: Vec<&str> = major.split(['.', ',']).collect();
    let are_thousands = groups.iter().skip(1).all(|group| group.len() == 3)
        && (groups.len() == 1 || groups.first().is_some_and(|first| (1..=3).contains(&first.len())));
    // More than two decimals would have to be rounded, but zeros may go.
    let minor = if minor.len() > 2 { minor.trim_end_matches('0') } else { minor };
    if !are_thousands || minor.len() > 2 || minor.contains(['.', ',']) {
        return None;
    }
    let major: i64 =
        groups.concat().parse().or_else(|error| if major.is_empty() { Ok(0) } else { Err(error) }).ok()?;
    let minor: i64 = format!("{minor:0<2}").parse().ok()?;
    let cents = Cents(major.checked_mul(100)?.checked_add(minor)?);
    (cents <= PRICE_MAX).then_some(cents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cents(text: &str) -> Result<i64, String> {
        let currency = if text.contains(['$']) { "USD".parse().unwrap() } else { Currency::EUR };
        read(text, None, currency).map(|cents| cents.0)
    }

    #[test]
    fn a_price_is_read_to_the_cent_however_it_is_written() {
        for (text, expected) in [
            ("19.99", 1999),
            ("19,99 €", 1999),
            ("$1,299.00", 129_900),
            ("US$ 5", 500),
            ("1.299,00 EUR", 129_900),
            ("1'299.50", 129_950),
            ("1\u{a0}299,5", 129_950),
            ("1,234,567", 123_456_700),
            ("12.-", 1200),
            ("0.5", 50),
            (".99", 99),
            ("19.990", 1999),
            ("0", 0),
            ("1299", 129_900),
        ] {
            let read = if text == "19.990" {
                read(text, Some(DecimalMark::Point), Currency::EUR).map(|c| c.0)
            } else {
                cents(text)
            };
            assert_eq!(read, Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_unless_the_mapping_says_how() {
        assert!(cents("1,234").unwrap_err().contains("decimal_mark"));
        assert!(cents("1.234").unwrap_err().contains("decimal_mark"));
        assert_eq!(read("1,234", Some(DecimalMark::Point), Currency::EUR), Ok(Cents(123_400)));
        assert_eq!(read("1.234", Some(DecimalMark::Comma), Currency::EUR), Ok(Cents(123_400)));
    }

    #[test]
    fn what_is_no_price_of_this_shop_is_refused() {
        for text in ["", "free", "-5", "10 - 20", "1.2.3", "12,34,56", "19.995", "99999999999999999999", "€"]
        {
            assert!(cents(text).is_err(), "{text}");
        }
        let error = read("£5", None, Currency::EUR).unwrap_err();
        assert!(error.contains("is in £, but SHOP_CURRENCY is EUR"), "{error}");
        let error = read("5 usd", None, Currency::EUR).unwrap_err();
        assert!(error.contains("is in USD, but SHOP_CURRENCY is EUR"), "{error}");
    }

    #[test]
    fn three_letters_that_are_no_currency_are_not_taken_for_one() {
        for text in ["bad", "TBD", "n/a", "5 PCS", "try", "all"] {
            let error = cents(text).unwrap_err();
            assert!(error.contains("is not one amount") && !error.contains("SHOP_CURRENCY"), "{error}");
        }
        assert_eq!(read("5 XBT", None, "XBT".parse().unwrap()), Ok(Cents(500)), "a shop may name its own");
        assert!(CODES.split(' ').all(|code| code.parse::<Currency>().is_ok()), "{CODES}");
    }

    #[test]
    fn a_price_tells_the_decimal_mark_only_if_it_fits_no_other() {
        assert_eq!(unmistakable_mark("$12.50"), Some(DecimalMark::Point));
        assert_eq!(unmistakable_mark("1.299,00"), Some(DecimalMark::Comma));
        assert_eq!(unmistakable_mark("1,299"), None);
        assert_eq!(unmistakable_mark("12"), None);
    }

    proptest! {
        #[test]
        fn every_amount_written_with_its_mark_is_read_back(amount in 0_i64..100_000_000_000) {
            let (major, minor) = (amount / 100, amount % 100);
            prop_assert_eq!(cents(&format!("{major}.{minor:02}")), Ok(amount));
            prop_assert_eq!(cents(&format!("{major},{minor:02} €")), Ok(amount));
        }

        #[test]
        fn no_text_makes_it_fail(text in any::<String>()) {
            let _ = read(&text, None, Currency::EUR);
            let _ = unmistakable_mark(&text);
        }
    }
}
