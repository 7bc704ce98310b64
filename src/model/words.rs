//! When two words of English differ in number alone. Pure.

/// Words whose plural, or that themselves, follow no rule of [`base_form`]; each with its base form.
const IRREGULAR: [(&str, &str); 35] = [
    ("atlases", "atlas"),
    ("atlas", "atlas"),
    ("calves", "calf"),
    ("canvases", "canvas"),
    ("canvas", "canvas"),
    ("children", "child"),
    ("feet", "foot"),
    ("gases", "gas"),
    ("geese", "goose"),
    ("goose", "goose"),
    ("halves", "half"),
    ("heroes", "hero"),
    ("irises", "iris"),
    ("iris", "iris"),
    ("knives", "knife"),
    ("leaves", "leaf"),
    ("lenses", "lens"),
    ("lens", "lens"),
    ("loaves", "loaf"),
    ("mangoes", "mango"),
    ("men", "man"),
    ("menus", "menu"),
    ("mice", "mouse"),
    ("mouse", "mouse"),
    ("potatoes", "potato"),
    ("quizzes", "quiz"),
    ("scarves", "scarf"),
    ("shelves", "shelf"),
    ("teeth", "tooth"),
    ("thieves", "thief"),
    ("tomatoes", "tomato"),
    ("wives", "wife"),
    ("wolves", "wolf"),
    ("women", "woman"),
    ("yes", "yes"),
];
/// Words of which the plural's ending `ies` stands for `ie` and not for `y`.
const WITH_IE: [&str; 24] = [
    "beanie", "birdie", "bootie", "bowtie", "brownie", "budgie", "calorie", "collie", "cookie", "cutie",
    "foodie", "genie", "hoodie", "lingerie", "magpie", "movie", "necktie", "newbie", "onesie", "pixie",
    "selfie", "smoothie", "veggie", "zombie",
];
/// Endings after which nothing shows whether the `e` is the word's own (`cache`) or the plural's (`couch`): it is taken
/// off both.
const HISSING: [&str; 6] = ["che", "she", "sse", "use", "xe", "ze"];

/// A word in lower case and without accents.
pub fn folded(word: &str) -> String {
    deunicode::deunicode(word).to_lowercase()
}

/// A word [`folded`], in the form that it shares with its plural.
pub fn plain(word: &str) -> String {
    base_form(&folded(word))
}

/// What a word and its plural have in common, to compare words by: `battery` for both `battery` and `batteries`.
/// It need not be a word: `cach` is for both `cache` and `caches`. The word must be in lower case.
pub fn base_form(word: &str) -> String {
    if let Some((_, base)) = IRREGULAR.iter().find(|(irregular, _)| *irregular == word) {
        return (*base).to_owned();
    }
    let mut base = singular(word);
    if base.len() > 2 && HISSING.iter().any(|ending| base.ends_with(ending)) {
        base.pop();
    }
    base
}

fn singular(word: &str) -> String {
    let Some(stem) = word.strip_suffix('s').filter(|stem| may_be_singular(stem)) else {
        return word.to_owned();
    };
    match stem.strip_suffix("ie") {
        Some(before) if before.chars().count() > 1 && !WITH_IE.contains(&stem) => format!("{before}y"),
        _ => stem.to_owned(),
    }
}

/// Whether an `s` behind it makes it a plural: not in `gas`, `dress` and `bus`, but in `tvs`.
fn may_be_singular(stem: &str) -> bool {
    let is_vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let is_short = stem.chars().count() < 3;
    let is_abbreviation = stem.len() > 1 && !stem.contains(is_vowel);
    (!is_short || is_abbreviation) && !stem.ends_with(['s', 'u'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_plural_of_any_kind_is_known_by_its_singular() {
        let pairs = "battery batteries, sofa sofas, couch couches, box boxes, dress dresses, brush brushes, tie ties, \
            hoodie hoodies, cookie cookies, knife knives, woman women, mouse mice, lens lenses, canvas canvases, \
            bus buses, size sizes, cache caches, axe axes, blouse blouses, house houses, vase vases, shoe shoes, \
            glove gloves, sleeve sleeves, toy toys, tv tvs, potato potatoes, menu menus, ski skis, glass glasses";
        for pair in pairs.split(',') {
            let forms: Vec<String> = pair.split_whitespace().map(base_form).collect();
            assert_eq!(forms[0], forms[1], "{pair}");
        }
    }

    #[test]
    fn a_word_that_only_ends_like_a_plural_is_left_alone() {
        for word in ["dress", "bus", "gas", "tv", "cactus", "yes", "s", "", "耳机"] {
            assert_eq!(base_form(word), word);
        }
        for (one, other) in [("bus", "bu"), ("lens", "len"), ("tie", "ty"), ("mouse", "mous")] {
            assert_ne!(base_form(one), base_form(other));
        }
    }

    /// As English makes it of words that are not irregular.
    fn plural(word: &str) -> String {
        let before_y = word.strip_suffix('y').filter(|rest| !rest.ends_with(['a', 'e', 'i', 'o', 'u']));
        match before_y {
            Some(rest) => format!("{rest}ies"),
            None if ["ch", "sh", "x", "z"].iter().any(|ending| word.ends_with(ending)) => format!("{word}es"),
            None => format!("{word}s"),
        }
    }

    proptest! {
        #[test]
        fn every_regular_plural_has_its_singular_s_form(word in "[a-z]{3,9}[a-rt-z]") {
            // Nothing shows which of two words `ies` comes from, nor whether `us` is a plural.
            prop_assume!(!word.ends_with("ie") && !word.ends_with('u'));
            prop_assert_eq!(base_form(&plural(&word)), base_form(&word));
        }

        #[test]
        fn no_text_makes_it_fail(word in any::<String>()) {
            base_form(&word);
        }
    }
}
