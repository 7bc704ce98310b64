//! The kinds of fraud, and what a scenario may say about each.

use serde::{Deserialize, Serialize};

use crate::traffic::chance::Chance;
use crate::traffic::knobs::{Span, knobs};
use crate::traffic::persona::Persona;

/// The kinds of fraud. Their shares are weights among the fraudulent accounts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schemes {
    /// Buys and gives back the same thing again and again.
    pub refund_loop: RefundLoop,
    /// Gives dear things back right after buying them.
    pub fast_refund: FastRefund,
    /// Gives back most of many small orders.
    pub refund_rate: RefundRate,
    /// Gives back more than an order had cost.
    pub excess_refund: ExcessRefund,
    /// Gives back what was never ordered.
    pub phantom_refund: PhantomRefund,
}

/// What is set for each kind: how often, how fast, how dear and how well hidden.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Weight among the fraudulent accounts.
    pub share: f64,
    /// Rounds of one spell.
    pub rounds: Span,
    /// Seconds from an order to its refund.
    pub refund_after_s: Span,
    /// Seconds from a refund to the next round.
    pub pause_s: Span,
    /// Products that are looked at to take the dearest.
    pub candidates: u32,
    /// Share of rounds before which honest shopping lies.
    pub camouflage: f64,
}

macro_rules! kind {
    (
        $(#[$doc:meta])* $name:ident: $share:literal, $rounds:expr, $refund_after_s:expr, $pause_s:expr,
        $candidates:literal, $camouflage:literal $(; $($more:tt)*)?
    ) => {
        knobs! {
            $(#[$doc])*
            $name {
                /// Weight among the fraudulent accounts.
                share: f64 = $share, 0 to 1;
                /// Rounds of one spell; who comes back another day begins another one.
                rounds: Span = $rounds, 1 to 1_000;
                /// Seconds from an order to its refund.
                refund_after_s: Span = $refund_after_s, 1 to 2_592_000;
                /// Seconds from a refund to the next round.
                pause_s: Span = $pause_s, 1 to 2_592_000;
                /// How dear: so many products are looked at to take the dearest of them; 1 takes any.
                candidates: u32 = $candidates, 1 to 100;
                /// Share of rounds before which a stretch of honest shopping lies.
                camouflage: f64 = $camouflage, 0 to 1;
                $($($more)*)?
            }
        }

        impl $name {
            fn plan(&self) -> Plan {
                let Self { share, rounds, refund_after_s, pause_s, candidates, camouflage, .. } = *self;
                Plan { share, rounds, refund_after_s, pause_s, candidates, camouflage }
            }
        }
    };
}

kind! {
    /// Buys and gives back the same thing again and again.
    RefundLoop: 0.3, Span(3, 7), Span(8, 40), Span(8, 30), 8, 0.1
}
kind! {
    /// Gives dear things back right after buying them.
    FastRefund: 0.3, Span(2, 4), Span(8, 40), Span(20, 120), 8, 0.1
}
kind! {
    /// Gives back most of many small orders, each slowly enough.
    RefundRate: 0.2, Span(6, 14), Span(900, 7_200), Span(60, 600), 1, 0.2;
    /// Share of the orders that come back.
    rate: f64 = 0.8, 0 to 1;
}
kind! {
    /// Gives back more than an order had cost: more pieces than it had, or all of it twice.
    ExcessRefund: 0.1, Span(1, 3), Span(60, 1_800), Span(600, 7_200), 3, 0.3;
    /// How often each ordered piece is given back.
    factor: Span = Span(2, 4), 2 to 100;
    /// Share of orders that are given back in several refunds, none of them greater than the order.
    in_parts: f64 = 0.5, 0 to 1;
}
kind! {
    /// Gives back what was never ordered: the order's number and time are made up.
    PhantomRefund: 0.1, Span(1, 3), Span(30, 600), Span(300, 3_600), 5, 0.3;
    /// Hours before the refund at which the order is said to have been placed.
    pretended_hours: Span = Span(6, 240), 1 to 720;
}

impl Schemes {
    /// Holds every value against its range.
    ///
    /// # Errors
    /// The path of the first one that lies outside, its value, and the range.
    pub fn check(&self) -> Result<(), String> {
        self.refund_loop.check("fraud.refund_loop")?;
        self.fast_refund.check("fraud.fast_refund")?;
        self.refund_rate.check("fraud.refund_rate")?;
        self.excess_refund.check("fraud.excess_refund")?;
        self.phantom_refund.check("fraud.phantom_refund")?;
        let shares: f64 = self.plans().iter().map(|(_, plan)| plan.share).sum();
        if shares > 0.0 { Ok(()) } else { Err("fraud.*.share are all 0; one must be more".to_owned()) }
    }

    /// Each kind with its plan.
    pub fn plans(&self) -> [(Persona, Plan); 5] {
        [
            (Persona::RefundLoop, self.refund_loop.plan()),
            (Persona::FastRefund, self.fast_refund.plan()),
            (Persona::RefundRate, self.refund_rate.plan()),
            (Persona::ExcessRefund, self.excess_refund.plan()),
            (Persona::PhantomRefund, self.phantom_refund.plan()),
        ]
    }

    /// The plan of a kind; `None` for who is not after the shop's money.
    pub fn plan(&self, persona: Persona) -> Option<Plan> {
        self.plans().into_iter().find(|(kind, _)| *kind == persona).map(|(_, plan)| plan)
    }

    /// How often an excessive refund gives each piece back.
    pub fn excess(&self, chance: &mut Chance) -> u32 {
        self.excess_refund.factor.draw(chance)
    }
}
