//! The evaluation for people.

use std::collections::BTreeMap;
use std::fmt;

use crate::evaluate::judge::{Delay, Evaluation, Honest, Judged, Kind, Score};
use crate::evaluate::run::Report;
use crate::model::rules::Rule;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evaluation { fraud, bots, look_alikes, kinds, rules, honest } = &self.evaluation;
        writeln!(f, "share [95 % interval] (how many of how many), by visitor")?;
        score(f, "fraud", fraud)?;
        score(f, "bots", bots)?;
        writeln!(f, "look-alikes flagged      {look_alikes}")?;
        writeln!(f, "\nby kind; the delay is that after the first act that gives away")?;
        for (kind, Kind { all, score, by_rule, delay }) in kinds {
            line(f, &kind.name(), score, *delay)?;
            writeln!(f, "{:26} of {all} in all;{}", "", Found(by_rule))?;
        }
        writeln!(f, "\nby rule; recall and delay are those of the kinds that it is meant for")?;
        for (rule, Judged { score, delay, .. }) in rules {
            line(f, rule.as_str(), score, *delay)?;
        }
        writeln!(f, "\nhonest people who are flagged")?;
        for (kind, Honest { flagged, by_rule }) in honest {
            writeln!(f, "  {:22} {} of {}{}", kind.name(), flagged.count, Many(flagged.of), Found(by_rule))?;
        }
        let (p50, p95) = (Second(self.telling.p50_s), Second(self.telling.p95_s));
        write!(
            f,
            "\n{} cases told in Kafka; half within {p50}, all but a twentieth within {p95} after the deciding event \
             (the age of the events where the traffic was not live)",
            self.telling.cases
        )
    }
}

/// Everything of one kind or rule.
fn line(f: &mut fmt::Formatter<'_>, name: &str, score: &Score, delay: Delay) -> fmt::Result {
    let Score { precision, recall, f1 } = score;
    let f1 = f1.map_or_else(|| "-".to_owned(), |f1| format!("{f1:.3}"));
    writeln!(f, "  {name:24} precision {precision}; recall {recall}; F1 {f1}; {}", Seconds(delay))
}

fn score(f: &mut fmt::Formatter<'_>, name: &str, score: &Score) -> fmt::Result {
    writeln!(f, "{name:6} precision         {}", score.precision)?;
    writeln!(f, "{name:6} recall            {}", score.recall)?;
    let f1 = score.f1.map_or_else(|| "-".to_owned(), |f1| format!("{f1:.3}"));
    writeln!(f, "{name:6} F1                {f1}")
}

struct Found<'a>(&'a BTreeMap<Rule, u64>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (rule, count) in self.0 {
            write!(f, " {} {count}", rule.as_str())?;
        }
        Ok(())
    }
}

/// How many there are, where that is known.
struct Many(u64);

impl fmt::Display for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { write!(f, "all") } else { write!(f, "{}", self.0) }
    }
}

struct Second(Option<f64>);

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seconds) => write!(f, "{seconds:.1} s"),
            None => write!(f, "-"),
        }
    }
}

struct Seconds(Delay);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {}, p95 {}", Second(self.0.p50_s), Second(self.0.p95_s))
    }
}
