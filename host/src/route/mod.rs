//! Routes: which gateways a message may take, and in which order of preference.

use crate::config::{self, Match, Reach, Strategy};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// The route that is taken when a message names nothing and no other fits.
const DEFAULT: &str = "default";

/// All routes of a configuration, in its order.
#[derive(Debug, Default)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
}

/// A route.
#[derive(Debug)]
pub struct Route {
    definition: config::Route,
    turns: Turns,
}

/// Whose turn it is.
#[derive(Debug)]
enum Turns {
    First,
    Each(AtomicUsize),
    /// Weights and, for each, what it has saved up.
    Weighted {
        weights: Vec<i64>,
        saved: Mutex<Vec<i64>>,
    },
}

impl Routes {
    /// The routes of a configuration.
    pub fn new(routes: Vec<config::Route>) -> Self {
        Self::default().next(routes)
    }

    /// The routes of the configuration after this one: in a route that has not changed the turns go on.
    #[must_use]
    pub fn next(&self, routes: Vec<config::Route>) -> Self {
        let route = |definition| {
            let same = self.routes.iter().find(|route| route.definition == definition);
            same.cloned().unwrap_or_else(|| Arc::new(Route::new(definition)))
        };
        Self { routes: routes.into_iter().map(route).collect() }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|route| &**route)
    }

    /// The route of this name.
    pub fn named(&self, name: &str) -> Option<&Route> {
        self.all().find(|route| route.name() == name)
    }

    /// The route of a message that names nothing, among those that may be used: the first that fits, else the default.
    pub fn fitting(&self, to: &str, tag: Option<&str>, reach: &Reach) -> Option<&Route> {
        let mut usable = self.all().filter(|route| reach.route(route.name()));
        let default = || self.named(DEFAULT).filter(|route| reach.route(route.name()));
        usable.find(|route| route.fits(to, tag)).or_else(default)
    }
}

impl Route {
    fn new(definition: config::Route) -> Self {
        let turns = match &definition.strategy {
            Strategy::Failover => Turns::First,
            Strategy::RoundRobin => Turns::Each(AtomicUsize::new(0)),
            Strategy::Weighted(weights) => {
                let weights = weights.iter().map(|weight| i64::try_from(*weight).unwrap_or(i64::MAX));
                let weights = weights.collect::<Vec<_>>();
                Turns::Weighted { saved: Mutex::new(vec![0; weights.len()]), weights }
            }
        };
        Self { definition, turns }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Its gateways as they are listed.
    pub fn gateways(&self) -> &[String] {
        &self.definition.gateways
    }

    /// How the first of its gateways is chosen, as the configuration writes it.
    pub fn strategy(&self) -> &'static str {
        match self.turns {
            Turns::First => "failover",
            Turns::Each(_) => "round-robin",
            Turns::Weighted { .. } => "weighted",
        }
    }

    /// How much each of its gateways gets, where that is said.
    pub fn weights(&self) -> Option<impl Iterator<Item = (&str, u64)>> {
        let Strategy::Weighted(weights) = &self.definition.strategy else { return None };
        Some(self.gateways().iter().map(String::as_str).zip(weights.iter().copied()))
    }

    /// What it takes by itself, if it takes anything so.
    pub fn matching(&self) -> Option<&Match> {
        self.definition.matching.as_ref()
    }

    fn fits(&self, to: &str, tag: Option<&str>) -> bool {
        let Some(Match { prefix, tag: tags }) = self.matching() else { return false };
        (prefix.is_empty() || prefix.iter().any(|prefix| to.starts_with(prefix.as_str())))
            && (tags.is_empty() || tag.is_some_and(|tag| tags.iter().any(|known| known == tag)))
    }

    /// Its gateways in the order of preference for the next message.
    pub fn order(&self) -> Vec<String> {
        let first = match &self.turns {
            Turns::First => 0,
            Turns::Each(turn) => turn.fetch_add(1, Ordering::Relaxed) % self.gateways().len().max(1),
            Turns::Weighted { weights, saved } => {
                let mut saved = saved.lock().unwrap_or_else(PoisonError::into_inner);
                next(weights, &mut saved)
            }
        };
        self.ordered(first)
    }

    /// The order for a message now, without taking its turn.
    pub fn order_now(&self) -> Vec<String> {
        let first = match &self.turns {
            Turns::First => 0,
            Turns::Each(turn) => turn.load(Ordering::Relaxed) % self.gateways().len().max(1),
            Turns::Weighted { weights, saved } => {
                let mut saved = saved.lock().unwrap_or_else(PoisonError::into_inner).clone();
                next(weights, &mut saved)
            }
        };
        self.ordered(first)
    }

    fn ordered(&self, first: usize) -> Vec<String> {
        let weight = |at: usize| match &self.turns {
            Turns::Weighted { weights, .. } => weights.get(at).copied().unwrap_or(0),
            _ => 0,
        };
        let count = self.gateways().len();
        let mut order = (0..count).map(|step| (first + step) % count.max(1)).collect::<Vec<_>>();
        // The one whose turn it is, then the heaviest; those of weight 0 come last, whoever's turn it is.
        order.sort_by_key(|&at| (weight(at) == 0, at != first, -weight(at)));
        order.into_iter().filter_map(|at| self.gateways().get(at).cloned()).collect()
    }
}

/// Smooth weighted round-robin: each saves up its weight, the richest pays for all.
fn next(weights: &[i64], saved: &mut [i64]) -> usize {
    for (saved, weight) in saved.iter_mut().zip(weights) {
        *saved = saved.saturating_add(*weight);
    }
    let total = weights.iter().fold(0_i64, |total, weight| total.saturating_add(*weight));
    // Of equals the first.
    let richest = saved.iter().zip(weights).enumerate().filter(|(_, (_, weight))| **weight > 0);
    let richest = richest.max_by_key(|(at, (saved, _))| (**saved, usize::MAX - at)).map_or(0, |(at, _)| at);
    if let Some(saved) = saved.get_mut(richest) {
        *saved -= total;
    }
    richest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(strategy: Strategy, gateways: &[&str]) -> Route {
        let gateways = gateways.iter().map(|&name| name.to_owned()).collect();
        Route::new(config::Route { name: "r".into(), gateways, strategy, matching: None })
    }

    fn orders(route: &Route, count: usize) -> Vec<String> {
        let order = |_| {
            let foretold = route.order_now();
            let order = route.order();
            assert_eq!(order, foretold);
            order.concat()
        };
        (0..count).map(order).collect()
    }

    #[test]
    fn failover_prefers_the_first_listed() {
        assert_eq!(orders(&route(Strategy::Failover, &["a", "b", "c"]), 3), ["abc", "abc", "abc"]);
    }

    #[test]
    fn round_robin_gives_each_its_turn() {
        assert_eq!(orders(&route(Strategy::RoundRobin, &["a", "b", "c"]), 4), ["abc", "bca", "cab", "abc"]);
        assert_eq!(orders(&route(Strategy::RoundRobin, &["a"]), 2), ["a", "a"]);
    }

    #[test]
    fn weights_are_kept_and_spread() {
        let weighted = route(Strategy::Weighted(vec![3, 1, 0]), &["a", "b", "c"]);
        assert_eq!(orders(&weighted, 8), ["abc", "abc", "bac", "abc", "abc", "abc", "bac", "abc"]);
        let weighted = route(Strategy::Weighted(vec![1, 5, 2]), &["a", "b", "c"]);
        let firsts = orders(&weighted, 800).into_iter().map(|order| order.chars().next().unwrap());
        let firsts = firsts.collect::<String>();
        let count = |gateway| firsts.matches(gateway).count();
        assert_eq!((count("a"), count("b"), count("c")), (100, 500, 200));
        // Of weight 0 alone, in their order.
        assert_eq!(orders(&route(Strategy::Weighted(vec![0, 0]), &["a", "b"]), 2), ["ab", "ab"]);
    }

    #[test]
    fn turns_go_on_in_a_route_that_is_defined_again_as_it_was() {
        let definition = |strategy: &Strategy| config::Route {
            name: "r".into(),
            gateways: vec!["a".into(), "b".into()],
            strategy: strategy.clone(),
            matching: None,
        };
        for strategy in [Strategy::RoundRobin, Strategy::Weighted(vec![1, 1])] {
            let routes = Routes::new(vec![definition(&strategy)]);
            assert_eq!(orders(routes.named("r").unwrap(), 1), ["ab"]);
            let same = routes.next(vec![definition(&strategy)]);
            assert_eq!(orders(same.named("r").unwrap(), 2), ["ba", "ab"]);
            let other = same.next(vec![definition(&Strategy::Weighted(vec![2, 1]))]);
            assert_eq!(orders(other.named("r").unwrap(), 1), ["ab"]);
            assert!(other.next(Vec::new()).named("r").is_none());
        }
    }

    #[test]
    fn the_first_route_that_fits_is_taken_else_the_default() {
        let list = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let named = |name: &str, matching| config::Route {
            name: name.into(),
            gateways: list(&["a"]),
            strategy: Strategy::Failover,
            matching,
        };
        let by = |prefix: &[&str], tag: &[&str]| Some(Match { prefix: list(prefix), tag: list(tag) });
        let routes = Routes::new(vec![
            named("german-logins", by(&["+49", "+43"], &["login"])),
            named("german", by(&["+49"], &[])),
            named("alerts", by(&[], &["alert", "alarm"])),
            named("named-alone", None),
            named("default", None),
        ]);
        for (to, tag, expected) in [
            ("+49170", Some("login"), "german-logins"),
            ("+43170", Some("login"), "german-logins"),
            ("+43170", Some("logins"), "default"),
            ("+49170", None, "german"),
            ("+49170", Some("alert"), "german"),
            ("+1555", Some("alarm"), "alerts"),
            ("0049170", None, "default"),
        ] {
            assert_eq!(routes.fitting(to, tag, &Reach::default()).unwrap().name(), expected, "{to} {tag:?}");
        }
        assert!(Routes::default().fitting("+49", None, &Reach::default()).is_none());
    }
}
