//! Ids that come back in another spelling: hexadecimal for decimal, or the reverse, with zeros in front, in other letters.
//!
//! Read in the other base, one message's id may be another one's. So nothing is decided here before every submission that was under way
//! when the receipt came has ended: by then its own part is known, if it ever will be. And what a service was seen to do counts: one that
//! has given an id back as it was is never taken to change them.

use crate::message::{MessageId, Receipt};

/// An id so long (without zeros in front) convinces even where not all ids are known. A shorter one is a number that the service counts
/// up: read in the other base, it is another message's sooner or later.
const CONVINCING: usize = 6;

/// What a service does with its ids, as far as that was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Habit {
    /// Nothing was seen that the other base would read differently.
    #[default]
    Unknown,
    /// They come back as they were given.
    AsGiven,
    /// They come back in another spelling.
    Respelt,
}

impl Habit {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::AsGiven => 1,
            Self::Respelt => 2,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::Unknown, Self::AsGiven, Self::Respelt].get(usize::from(number)).copied()
    }
}

/// What is known of a gateway's service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) habit: Habit,
    /// It may have taken parts whose ids nobody got to know.
    pub(super) doubt: bool,
}

/// A part that a receipt may be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) id: MessageId,
    /// As it was given.
    pub(super) provider_id: String,
}

/// The parts that a receipt may be for.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// Under this very spelling something was said of it before.
    pub(super) spoken_of: Option<Candidate>,
    /// It was given this id, and nothing was said of it yet.
    pub(super) exact: Option<Candidate>,
    /// Nothing was said of it at all, and it was given one of the other spellings. More than two are not looked for.
    pub(super) others: Vec<Candidate>,
}

/// Whether the id, or what it may stand for, is another number in the other base: not where zeros in front and letters alone differ.
fn reads_otherwise(receipt: &Receipt) -> bool {
    let plain = |id: &str| id.trim_start_matches('0').to_ascii_lowercase();
    let own = plain(&receipt.provider_id);
    receipt.spellings.iter().any(|spelling| plain(spelling) != own)
}

/// Whether the receipt has to wait although there may be a part of its id.
pub(super) fn must_wait(receipt: &Receipt, habit: Habit) -> bool {
    habit != Habit::AsGiven && reads_otherwise(receipt)
}

/// Whether a receipt for which there is no part yet may be for one of another spelling.
pub(super) fn may_be_another(receipt: &Receipt, habit: Habit) -> bool {
    habit != Habit::AsGiven && !receipt.spellings.is_empty()
}

/// The order in which receipts are decided on: an id with letters says more of the service's habit than one of digits alone.
pub(super) fn says_little(receipt: &Receipt) -> bool {
    receipt.provider_id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Which part a receipt is for, once no submission is under way that was when it came; and what that says of the service.
pub(super) fn choose(receipt: &Receipt, known: Known, found: Candidates) -> Option<(Candidate, Habit)> {
    let Candidates { spoken_of, exact, mut others } = found;
    if let Some(part) = spoken_of {
        return Some((part, known.habit));
    }
    // Of two, either may be meant.
    let other = others.pop().filter(|_| others.is_empty());
    let convinces = |part: &Candidate| {
        let length = |id: &str| id.trim_start_matches('0').len();
        !known.doubt || length(&receipt.provider_id).min(length(&part.provider_id)) >= CONVINCING
    };
    match known.habit {
        Habit::AsGiven => exact.map(|part| (part, Habit::AsGiven)),
        Habit::Unknown => {
            let seen = if reads_otherwise(receipt) { Habit::AsGiven } else { Habit::Unknown };
            let other = other.filter(convinces).map(|part| (part, Habit::Respelt));
            exact.map(|part| (part, seen)).or(other)
        }
        // Its decimal `10` is another message's `16`.
        Habit::Respelt => {
            // With letters, it was given in that base and came back in it.
            let seen = if says_little(receipt) { Habit::Respelt } else { Habit::AsGiven };
            other
                .map(|part| (part, Habit::Respelt))
                .or(exact.filter(|_| others.is_empty()).map(|part| (part, seen)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::ReceiptStatus, plugin::fake::NOON};

    fn part(provider_id: &str) -> Candidate {
        Candidate { id: MessageId::new(), provider_id: provider_id.into() }
    }

    fn receipt(provider_id: &str, spellings: &[&str]) -> Receipt {
        Receipt {
            gateway: "one".into(),
            provider_id: provider_id.into(),
            spellings: spellings.iter().map(|&spelling| spelling.to_owned()).collect(),
            status: ReceiptStatus::Delivered,
            code: None,
            detail: None,
            at: NOON,
        }
    }

    #[test]
    fn what_was_seen_of_a_service_decides() {
        use Habit::{AsGiven, Respelt, Unknown};
        let doubt = |habit| Known { habit, doubt: true };
        let sure = |habit| Known { habit, doubt: false };
        let id = receipt("10", &["16", "a"]);
        // What is known; whether there is a part of this very id, and parts of other spellings; the one that is taken, what that says.
        for (known, exact, others, wanted) in [
            (sure(Unknown), true, &[][..], Some(("10", AsGiven))),
            (sure(Unknown), true, &["16"], Some(("10", AsGiven))),
            (sure(Unknown), false, &["16"], Some(("16", Respelt))),
            (doubt(Unknown), false, &["16"], None),
            (sure(Unknown), false, &["16", "a"], None),
            (sure(AsGiven), false, &["16"], None),
            (sure(AsGiven), true, &["16"], Some(("10", AsGiven))),
            (doubt(Respelt), true, &["16"], Some(("16", Respelt))),
            (sure(Respelt), true, &[], Some(("10", Respelt))),
            (sure(Respelt), true, &["16", "a"], None),
        ] {
            let exact = exact.then(|| part("10"));
            let others = others.iter().map(|&other| part(other)).collect();
            let chosen = choose(&id, known, Candidates { spoken_of: None, exact, others });
            let chosen = chosen.as_ref().map(|(part, habit)| (part.provider_id.as_str(), *habit));
            assert_eq!(chosen, wanted, "{known:?}");
        }
    }

    #[test]
    fn a_long_id_convinces_where_a_short_one_does_not() {
        let doubt = Known { habit: Habit::Unknown, doubt: true };
        for (id, other, convinces) in
            [("bc614e", "12345678", true), ("00000a", "000010", false), ("64", "100", false)]
        {
            let found = Candidates { others: vec![part(other)], ..Candidates::default() };
            assert_eq!(choose(&receipt(id, &[other]), doubt, found).is_some(), convinces, "{id}");
        }
    }

    #[test]
    fn letters_that_come_back_unveil_a_service_that_respells_nothing() {
        let known = Known { habit: Habit::Respelt, doubt: false };
        let found = Candidates { exact: Some(part("1a")), ..Candidates::default() };
        let (_, seen) = choose(&receipt("1a", &["26"]), known, found).unwrap();
        assert_eq!(seen, Habit::AsGiven);
    }

    #[test]
    fn zeros_and_letters_alone_are_no_other_number() {
        assert!(!must_wait(&receipt("7", &["07", "007"]), Habit::Unknown));
        assert!(may_be_another(&receipt("7", &["07"]), Habit::Unknown));
        assert!(!may_be_another(&receipt("7", &["07"]), Habit::AsGiven));
        assert!(must_wait(&receipt("10", &["16"]), Habit::Unknown));
        assert!(!must_wait(&receipt("10", &["16"]), Habit::AsGiven));
        assert!(!must_wait(&receipt("10", &[]), Habit::Unknown));
    }
}
