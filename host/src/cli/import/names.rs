//! Names of gateways and of environment variables, made out of names of which privacyIDEA takes any.

use crate::config::is_name;
use std::collections::BTreeSet;

const LONGEST: usize = 64;

/// The gateway name for a name of privacyIDEA's.
pub(super) fn gateway(name: &str) -> String {
    let allowed = |character: char| {
        let fits = character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
        if fits { character } else { '-' }
    };
    let mut fitting = name.chars().take(LONGEST).map(allowed).collect::<String>();
    if !is_name(&fitting) {
        // Only the first character can be wrong by now, or missing.
        fitting.replace_range(..fitting.len().min(1), "x");
    }
    fitting
}

/// Names of environment variables that are given out, each once.
#[derive(Debug, Default)]
pub(super) struct Variables {
    taken: BTreeSet<String>,
}

impl Variables {
    /// A variable for the value `key` of `owner`: `CLICKATELL_PASSWORD`.
    pub(super) fn name(&mut self, owner: &str, key: &str) -> String {
        let part = |text: &str| {
            let upper = text.chars().map(|character| {
                if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' }
            });
            upper.collect::<String>()
        };
        let mut name = format!("{}_{}", part(owner), part(key));
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            name.insert_str(0, "GATEWAY_");
        }
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        // There is always a number that is not taken.
        let free = candidates.find(|candidate| !self.taken.contains(candidate)).unwrap_or(name);
        self.taken.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gateway_name_can_not_have_becomes_a_dash() {
        for (name, expected) in [
            ("clickatell", "clickatell"),
            ("My SMS.gw_1", "My-SMS.gw_1"),
            ("Büro", "B-ro"),
            ("über", "xber"),
            ("-a", "xa"),
            ("_", "x"),
            (".", "x"),
            ("", "x"),
            ("../../etc/x", "x.-..-etc-x"),
            ("漢字", "x-"),
        ] {
            assert_eq!(gateway(name), expected, "{name}");
            assert!(is_name(&gateway(name)));
        }
        assert_eq!(gateway(&"ü".repeat(300)), format!("x{}", "-".repeat(63)));
    }

    #[test]
    fn each_variable_has_a_name_of_its_own() {
        let mut variables = Variables::default();
        assert_eq!(variables.name("clickatell", "PASSWORD"), "CLICKATELL_PASSWORD");
        assert_eq!(variables.name("Click-atell", "api key"), "CLICK_ATELL_API_KEY");
        assert_eq!(variables.name("click.atell", "api-key"), "CLICK_ATELL_API_KEY_2");
        assert_eq!(variables.name("1and1", "PASSWORD"), "GATEWAY_1AND1_PASSWORD");
        assert_eq!(variables.name("_", "ü"), "GATEWAY____");
    }
}
