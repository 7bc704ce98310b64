//! How well a ranking answers one judged query. Pure.

use std::collections::BTreeMap;

/// Places at the top that nDCG and the share of judged products look at.
pub const TOP: usize = 10;
/// Places that recall looks at.
pub const DEEP: usize = 100;

/// A query's grades by product id: 0 does not answer it, the highest answers it best.
pub type Grades = BTreeMap<String, f64>;

/// How well a ranking answers one query; each figure lies in 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Normalised discounted cumulative gain of the first ten, with gain 2^grade − 1 and discount log2 of the
    /// place + 1 (Burges et al. 2005): 1 if no other ranking of the judged products is better.
    pub ndcg: f64,
    /// 1 divided by the place of the first product that answers the query; 0 if none is found.
    pub reciprocal_rank: f64,
    /// Share of the products that answer the query which is among the first hundred.
    pub recall: f64,
    /// Share of the first ten that were judged at all: where it is low, the other figures say little.
    pub judged: f64,
}

/// Scores a ranking, best first; products without a grade count as 0.
pub fn score(ranking: &[String], grades: &Grades) -> Scores {
    let grade = |id: &String| grades.get(id).copied().unwrap_or_default();
    let gains: Vec<f64> = ranking.iter().map(grade).collect();
    let mut ideal: Vec<f64> = grades.values().copied().collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let answers = ideal.iter().filter(|grade| **grade > 0.0).count();
    let found = gains.iter().take(DEEP).filter(|grade| **grade > 0.0).count();
    let judged = ranking.iter().take(TOP).filter(|id| grades.contains_key(*id)).count();
    let first = gains.iter().position(|grade| *grade > 0.0);
    Scores {
        ndcg: share(gain(&gains), gain(&ideal)),
        reciprocal_rank: first.map_or(0.0, |at| 1.0 / (at + 1) as f64),
        recall: share(found as f64, answers as f64),
        judged: share(judged as f64, ranking.len().min(TOP) as f64),
    }
}

/// The discounted gain of the first places.
fn gain(grades: &[f64]) -> f64 {
    let discounted = |(at, grade): (usize, &f64)| (grade.exp2() - 1.0) / ((at + 2) as f64).log2();
    grades.iter().take(TOP).enumerate().map(discounted).sum()
}

/// 0 of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grades(list: &[(&str, f64)]) -> Grades {
        list.iter().map(|(id, grade)| ((*id).to_owned(), *grade)).collect()
    }

    fn ranking(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_ranking_scores_as_computed_by_hand() {
        let grades = grades(&[("a", 3.0), ("b", 1.0), ("c", 0.0), ("d", 2.0)]);
        let scores = score(&ranking(&["c", "a", "x", "b"]), &grades);
        // Gains 0, 7, 0, 1 over log2 of 2, 3, 4, 5; ideal 7, 3, 1.
        let dcg = 7.0 / 3_f64.log2() + 1.0 / 5_f64.log2();
        let ideal = 7.0 + 3.0 / 3_f64.log2() + 1.0 / 4_f64.log2();
        assert!((scores.ndcg - dcg / ideal).abs() < 1e-12);
        assert_eq!((scores.reciprocal_rank, scores.recall, scores.judged), (0.5, 2.0 / 3.0, 0.75));
    }

    #[test]
    fn nothing_found_scores_nothing() {
        let scores = score(&[], &grades(&[("a", 3.0)]));
        assert_eq!(scores, Scores { ndcg: 0.0, reciprocal_rank: 0.0, recall: 0.0, judged: 0.0 });
    }

    proptest! {
        #[test]
        fn the_best_order_scores_one_and_no_order_more(list in prop::collection::vec(0_u8..4, 1..30), seed: u64) {
            let ids: Vec<String> = (0..list.len()).map(|n| format!("p{n:02}")).collect();
            let grades: Grades = ids.iter().cloned().zip(list.iter().map(|grade| f64::from(*grade))).collect();
            let mut best = ids.clone();
            best.sort_by(|a, b| grades[b].total_cmp(&grades[a]));
            let mut any = ids;
            any.sort_by_key(|id| id.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)));
            let (best, any) = (score(&best, &grades), score(&any, &grades));
            if grades.values().any(|grade| *grade > 0.0) {
                prop_assert!((best.ndcg - 1.0).abs() < 1e-12);
            }
            prop_assert!(any.ndcg <= best.ndcg + 1e-12);
            prop_assert_eq!(any.recall, best.recall);
        }
    }
}
