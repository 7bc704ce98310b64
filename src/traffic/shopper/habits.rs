//! How plain shoppers behave, in numbers.

use serde::{Deserialize, Serialize};

use crate::traffic::knobs::within;

/// How plain shoppers behave: the chances of each choice, from 0.0 to 1.0. A shopper who makes none of the
/// choices that there are leaves.
///
/// The defaults together give the rates that `traffic::tests` holds as ranges: more buying than most shops
/// see, so that a short demonstration has something to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Habits {
    /// Begins with a search; the others come by a link to a product.
    pub searches_first: f64,
    /// Searches send their first letters too, as a box that answers while one types does.
    pub types_ahead: f64,
    /// A typed text has a slip of the finger. Logs of shop searches show 0.10 to 0.15 on phones, less on keyboards.
    pub slips: f64,
    /// Searches for what no shop has on its shelves.
    pub asks_unfindable: f64,
    /// After results: clicks on one.
    pub clicks: f64,
    /// After results: refines the search.
    pub refines: f64,
    /// After no results: words the search otherwise.
    pub rewords: f64,
    /// A click goes to the very product that was wanted, where it is shown; else to where the eye falls.
    pub recognises: f64,
    /// After a view: puts the product into the cart.
    pub puts_into_cart: f64,
    /// After a view: goes back to the results.
    pub goes_back: f64,
    /// After a view: follows a link to a similar product.
    pub looks_at_alike: f64,
    /// After a view: searches for something else.
    pub searches_again: f64,
    /// After filling the cart: goes to the checkout.
    pub checks_out: f64,
    /// After filling the cart: looks for more.
    pub shops_on: f64,
    /// At the checkout: orders; the others abandon their cart.
    pub orders: f64,
    /// Knows what they want: quick, and likelier to buy.
    pub decided: f64,
    /// As `puts_into_cart`, of the decided.
    pub decided_puts_into_cart: f64,
    /// As `checks_out`, of the decided.
    pub decided_checks_out: f64,
    /// A guest who looks on logs in.
    pub logs_in: f64,
    /// Gives something of an order back, hours to weeks later.
    pub gives_back: f64,
    /// Who has left comes back another time, hours to days later.
    pub returns: f64,
    /// Factor of every dwell: 2.0 for people with twice the time. From 0.1 to 10.
    pub leisure: f64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            searches_first: 0.72,
            types_ahead: 0.06,
            slips: 0.08,
            asks_unfindable: 0.03,
            clicks: 0.60,
            refines: 0.20,
            rewords: 0.60,
            recognises: 0.25,
            puts_into_cart: 0.08,
            goes_back: 0.42,
            looks_at_alike: 0.12,
            searches_again: 0.08,
            checks_out: 0.55,
            shops_on: 0.25,
            orders: 0.74,
            decided: 0.12,
            decided_puts_into_cart: 0.28,
            decided_checks_out: 0.72,
            logs_in: 0.04,
            gives_back: 0.05,
            returns: 0.35,
            leisure: 1.0,
        }
    }
}

impl Habits {
    /// Checks the ranges, and that choices between which somebody decides do not add up to more than all.
    ///
    /// # Errors
    /// The path of the first value that cannot be, the value, and what it may be.
    pub fn check(&self) -> Result<(), String> {
        for (name, chance) in self.chances() {
            within(&format!("shoppers.{name}"), chance, 0.0, 1.0)?;
        }
        let onwards = self.goes_back + self.looks_at_alike + self.searches_again;
        let choices = [
            ("clicks", self.clicks + self.refines),
            ("puts_into_cart", self.puts_into_cart + onwards),
            ("decided_puts_into_cart", self.decided_puts_into_cart + onwards),
            ("checks_out", self.checks_out + self.shops_on),
            ("decided_checks_out", self.decided_checks_out + self.shops_on),
        ];
        // Decimals such as 0.7 + 0.2 + 0.1 may come out a hair above 1.
        if let Some((name, sum)) = choices.iter().find(|(_, sum)| *sum > 1.0 + 1e-9) {
            return Err(format!(
                "shoppers.{name} makes {sum} with the other choices at its point, more than 1"
            ));
        }
        within("shoppers.leisure", self.leisure, 0.1, 10.0)
    }

    fn chances(&self) -> [(&'static str, f64); 21] {
        [
            ("searches_first", self.searches_first),
            ("types_ahead", self.types_ahead),
            ("slips", self.slips),
            ("asks_unfindable", self.asks_unfindable),
            ("clicks", self.clicks),
            ("refines", self.refines),
            ("rewords", self.rewords),
            ("recognises", self.recognises),
            ("puts_into_cart", self.puts_into_cart),
            ("goes_back", self.goes_back),
            ("looks_at_alike", self.looks_at_alike),
            ("searches_again", self.searches_again),
            ("checks_out", self.checks_out),
            ("shops_on", self.shops_on),
            ("orders", self.orders),
            ("decided", self.decided),
            ("decided_puts_into_cart", self.decided_puts_into_cart),
            ("decided_checks_out", self.decided_checks_out),
            ("logs_in", self.logs_in),
            ("gives_back", self.gives_back),
            ("returns", self.returns),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_in_range() {
        assert!(Habits::default().check().is_ok());
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_name() {
        let wrong = [
            (Habits { slips: 1.1, ..Habits::default() }, "slips"),
            (Habits { returns: f64::NAN, ..Habits::default() }, "returns"),
            (Habits { clicks: 0.9, ..Habits::default() }, "clicks"),
            (Habits { shops_on: 0.5, ..Habits::default() }, "checks_out"),
            (Habits { leisure: 0.0, ..Habits::default() }, "leisure"),
        ];
        for (habits, name) in wrong {
            let error = habits.check().unwrap_err();
            assert!(error.starts_with(&format!("shoppers.{name} ")), "{error}");
        }
    }

    #[test]
    fn every_chance_is_checked() {
        let json = serde_json::to_value(Habits::default()).unwrap();
        let named: Vec<&str> = Habits::default().chances().map(|(name, _)| name).to_vec();
        let all = json.as_object().unwrap().keys().filter(|name| *name != "leisure");
        assert!(all.clone().all(|name| named.contains(&name.as_str())) && all.count() == named.len());
    }
}
