//! What the catalogue calls its categories. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::category;
use crate::model::product::split_pair;

/// What categories of all levels are called, by their paths. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Labels(Arc<HashMap<String, String>>);

impl Labels {
    /// Reads terms of `category_pairs`, the commonest first: of several spellings of one path the first counts.
    pub fn read<'t>(terms: impl Iterator<Item = &'t str>) -> Self {
        let mut labels = HashMap::new();
        for (path, label) in terms.filter_map(split_pair) {
            labels.entry(path.to_owned()).or_insert_with(|| label.to_owned());
        }
        Self(Arc::new(labels))
    }

    /// What a category is called: as the catalogue spells it, else what its path says.
    pub fn of(&self, path: &str) -> String {
        self.0.get(path).cloned().unwrap_or_else(|| category::label(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::product::pair;

    #[test]
    fn the_commonest_spelling_of_a_path_counts_and_a_path_without_one_speaks_for_itself() {
        let terms = [("kuche", "Küche"), ("kuche.topfe", "Töpfe"), ("kuche", "KÜCHE")];
        let terms = terms.map(|(path, label)| pair(path, label));
        let labels = Labels::read(terms.iter().map(String::as_str).chain(["no pair"]));
        let called = ["kuche", "kuche.topfe", "kuche.gross-gerate"].map(|path| labels.of(path));
        assert_eq!(called, ["Küche", "Töpfe", "Gross gerate"]);
    }
}
