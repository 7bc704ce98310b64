//! Who comes next when several kinds shall come, each with its weight: the one that is owed most. So the shares
//! are kept by the first few already, which chance would not do.

/// The kinds with their weights and what each is owed.
#[derive(Debug, Clone)]
pub struct Casting<T> {
    roles: Vec<(T, f64, f64)>,
    total: f64,
}

impl<T: Copy> Casting<T> {
    /// Kinds with their weights, none negative.
    pub fn new(roles: impl IntoIterator<Item = (T, f64)>) -> Self {
        let roles: Vec<_> = roles.into_iter().map(|(role, weight)| (role, weight, 0.0)).collect();
        let total = roles.iter().map(|(_, weight, _)| weight).sum();
        Self { roles, total }
    }

    /// The next one; `None` where no kind has a weight.
    pub fn next(&mut self) -> Option<T> {
        let total = self.total;
        self.roles.iter_mut().for_each(|(_, weight, owed)| *owed += *weight);
        let most_owed = |a: &&mut (T, f64, f64), b: &&mut (T, f64, f64)| a.2.total_cmp(&b.2);
        let (role, _, owed) = self.roles.iter_mut().filter(|role| role.1 > 0.0).max_by(most_owed)?;
        *owed -= total;
        Some(*role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nobody_comes_where_nobody_shall() {
        assert_eq!(Casting::<u8>::new([]).next(), None);
        assert_eq!(Casting::new([(1, 0.0)]).next(), None);
    }

    proptest! {
        #[test]
        fn every_kind_has_its_share_at_any_time(weights in proptest::collection::vec(0.0f64..5.0, 1..6), count in 1usize..200) {
            let total: f64 = weights.iter().sum();
            prop_assume!(total > 0.1);
            let mut casting = Casting::new(weights.iter().copied().enumerate());
            let mut counts = vec![0.0; weights.len()];
            (0..count).for_each(|_| counts[casting.next().unwrap()] += 1.0);
            for (found, weight) in counts.iter().zip(&weights) {
                prop_assert!((found - count as f64 * weight / total).abs() <= weights.len() as f64);
            }
        }
    }
}
