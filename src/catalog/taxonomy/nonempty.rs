//! A list that has at least one item, so that drawing from it cannot fail.

use serde::Deserialize;

/// At least one item, in order.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Vec<T>", bound = "T: Deserialize<'de>")]
pub struct NonEmpty<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> NonEmpty<T> {
    /// All items, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The item at this share (0 to 1) of the items' total weight.
    pub fn at(&self, share: f64, weight: impl Fn(&T) -> f64) -> &T {
        let mut left = share * self.iter().map(&weight).sum::<f64>();
        for item in self.iter() {
            left -= weight(item);
            if left < 0.0 {
                return item;
            }
        }
        self.rest.last().unwrap_or(&self.first)
    }
}

impl<T> TryFrom<Vec<T>> for NonEmpty<T> {
    type Error = &'static str;
    fn try_from(items: Vec<T>) -> Result<Self, Self::Error> {
        let mut items = items.into_iter();
        let first = items.next().ok_or("an empty list where at least one item is needed")?;
        Ok(Self { first, rest: items.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_list_is_refused() {
        assert!(NonEmpty::<u8>::try_from(Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn each_item_gets_its_share(weights in prop::collection::vec(1_u32..100, 1..20)) {
            let list = NonEmpty::try_from(weights.iter().copied().enumerate().collect::<Vec<_>>()).unwrap();
            let total: u32 = weights.iter().sum();
            let mut drawn = vec![0; weights.len()];
            for step in 0..total {
                let share = (f64::from(step) + 0.5) / f64::from(total);
                drawn[list.at(share, |item| f64::from(item.1)).0] += 1;
            }
            prop_assert_eq!(drawn, weights);
        }
    }
}
