//! The table of what was measured.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::relevance::metrics::Scores;
use crate::relevance::statistics::{self, Estimate};

/// A figure of a query.
type Figure = fn(&Scores) -> f64;

/// The figures by their names, as columns.
const FIGURES: [(&str, Figure); 4] = [
    ("nDCG@10", |scores| scores.ndcg),
    ("MRR", |scores| scores.reciprocal_rank),
    ("recall@100", |scores| scores.recall),
    ("judged@10", |scores| scores.judged),
];

/// What was measured.
#[derive(Debug, Clone)]
pub struct Report {
    /// Each query.
    pub rows: Vec<Row>,
    /// What it was compared with.
    pub against: Option<String>,
    /// How queries fared that nothing answers.
    pub traps: Traps,
    /// Whether to print each query.
    pub per_query: bool,
    /// The seed of the intervals.
    pub seed: u64,
}

/// One query.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was typed.
    pub query: String,
    /// What kind of query it is.
    pub kind: String,
    /// Its scores.
    pub scores: Scores,
    /// The scores of what it is compared with.
    pub other: Option<Scores>,
}

/// How queries fared that no product answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traps {
    /// Queries for which nothing was found.
    pub nothing_found: usize,
    /// Queries for which something was found, and the answer says that the words were relaxed.
    pub said_so: usize,
    /// Queries that were answered as if products had the words.
    pub taken_in: Vec<String>,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.per_query {
            self.fmt_queries(f)?;
        }
        let columns = FIGURES.map(|(name, _)| format!("  {:<22}", format!("{name} (95 %)"))).concat();
        writeln!(f, "{:<12} {:>7}{}", "", "queries", columns.trim_end())?;
        let mut kinds: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| !row.kind.is_empty()) {
            kinds.entry(&row.kind).or_default().push(row);
        }
        for (kind, rows) in &kinds {
            self.fmt_line(f, kind, rows.iter().map(|row| row.scores).collect())?;
        }
        self.fmt_line(f, "all", self.rows.iter().map(|row| row.scores).collect())?;
        self.fmt_comparison(f)?;
        let Traps { nothing_found, said_so, taken_in } = &self.traps;
        if nothing_found + said_so + taken_in.len() > 0 {
            writeln!(
                f,
                "traps        {nothing_found} found nothing, {said_so} were relaxed and say so, {} were taken in: {}",
                taken_in.len(),
                taken_in.join(", ")
            )?;
        }
        Ok(())
    }
}

impl Report {
    fn fmt_queries(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "nDCG@10 other    MRR recall judged")?;
        for Row { query, kind, scores, other } in &self.rows {
            let other = other.map(|other| format!("{:.3}", other.ndcg)).unwrap_or_default();
            let Scores { ndcg, reciprocal_rank, recall, judged } = scores;
            writeln!(
                f,
                "  {ndcg:.3} {other:>5}  {reciprocal_rank:.3}  {recall:.3}  {judged:.3}  {kind:<10} {query}"
            )?;
        }
        writeln!(f)
    }

    fn fmt_line(&self, f: &mut Formatter<'_>, name: &str, scores: Vec<Scores>) -> fmt::Result {
        let estimate = |figure: Figure| {
            let figures: Vec<f64> = scores.iter().map(figure).collect();
            statistics::mean(&figures, self.seed).map(interval).unwrap_or_default()
        };
        let estimates = FIGURES.map(|(_, figure)| format!("  {:<22}", estimate(figure))).concat();
        writeln!(f, "{name:<12} {:>7}{}", scores.len(), estimates.trim_end())
    }

    fn fmt_comparison(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let others: Vec<Scores> = self.rows.iter().filter_map(|row| row.other).collect();
        let (Some(against), false) = (&self.against, others.is_empty()) else { return Ok(()) };
        self.fmt_line(f, against, others)?;
        let pairs = self.rows.iter().filter_map(|row| Some(row.scores.ndcg - row.other?.ndcg));
        let differences: Vec<f64> = pairs.collect();
        let difference = statistics::mean(&differences, self.seed).map(interval).unwrap_or_default();
        let better = differences.iter().filter(|difference| **difference > 0.0).count();
        let worse = differences.iter().filter(|difference| **difference < 0.0).count();
        let chance = statistics::chance_of(&differences, self.seed);
        writeln!(
            f,
            "difference   {difference} nDCG@10; {better} queries better, {worse} worse; p = {chance:.4}"
        )
    }
}

fn interval(Estimate { mean, low, high }: Estimate) -> String {
    format!("{mean:.3} ({low:.3} to {high:.3})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(query: &str, kind: &str, ndcg: f64, other: f64) -> Row {
        let scores = |ndcg| Scores { ndcg, reciprocal_rank: 1.0, recall: 0.5, judged: 0.8 };
        Row {
            query: query.to_owned(),
            kind: kind.to_owned(),
            scores: scores(ndcg),
            other: Some(scores(other)),
        }
    }

    #[test]
    fn the_table_has_a_line_for_each_kind_and_says_what_is_better() {
        let report = Report {
            rows: vec![row("a", "typo", 0.75, 0.5), row("b", "brand", 0.75, 0.5)],
            against: Some("baseline".to_owned()),
            traps: Traps { nothing_found: 2, said_so: 1, taken_in: vec!["piano".to_owned()] },
            per_query: true,
            seed: 1,
        };
        insta::assert_snapshot!(report.to_string());
    }
}
