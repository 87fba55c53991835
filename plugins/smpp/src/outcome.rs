//! How the answers to a message's parts become its outcome.
//!
//! | status of the SMSC | outcome |
//! |---|---|
//! | ESME_ROK | accepted; the message_id is the part's id |
//! | ESME_RTHROTTLED, ESME_RMSGQFUL | the part is sent again, more slowly; throttled once there is no time left |
//! | ESME_RSYSERR, ESME_RSUBMITFAIL, ESME_RBINDFAIL, ESME_RALYBND, ESME_RINVBNDSTS, ESME_RX_T_APPN, ESME_RUNKNOWNERR | unavailable |
//! | ESME_RINVPASWD, ESME_RINVSYSID, ESME_RINVSYSTYP, ESME_RPROHIBITED, ESME_RSERTYPUNAUTH | misconfigured |
//! | any other to a bind | unavailable |
//! | any other to a submit_sm | rejected |
//!
//! | parts of a message | outcome |
//! |---|---|
//! | all accepted | accepted |
//! | one was written and not answered | uncertain |
//! | some accepted, some refused | rejected: what went out is in `detail`, its ids are kept |
//! | some accepted, some not sent | uncertain |
//! | none accepted | as the first that was refused; else throttled where it waited for its turn, unavailable where there was no link |

use gatepost_provider_api::{Accepted, SubmitError};
use std::time::Duration;

const THROTTLED: u32 = 0x58;
const QUEUE_FULL: u32 = 0x14;

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PartEnd {
    /// With the id that the SMSC gave it, which may be empty.
    Accepted(String),
    Refused(u32),
    /// It was not written: there was no turn for it, or the others were refused.
    Waited,
    /// It was not written: there was no link.
    NoLink(SubmitError),
    /// It was written, and then the link broke, or no answer came in time.
    Unanswered(String),
}

/// Whether the part may be sent again, more slowly.
pub(crate) fn is_throttled(status: u32) -> bool {
    status == THROTTLED || status == QUEUE_FULL
}

pub(crate) fn name(status: u32) -> &'static str {
    known_name(status).unwrap_or("unknown status")
}

/// SMPP 3.4, section 5.1.3, and those of 5.0 that are met.
pub(crate) fn known_name(status: u32) -> Option<&'static str> {
    Some(match status {
        0x00 => "ESME_ROK",
        0x01 => "ESME_RINVMSGLEN",
        0x02 => "ESME_RINVCMDLEN",
        0x03 => "ESME_RINVCMDID",
        0x04 => "ESME_RINVBNDSTS",
        0x05 => "ESME_RALYBND",
        0x06 => "ESME_RINVPRTFLG",
        0x07 => "ESME_RINVREGDLVFLG",
        0x08 => "ESME_RSYSERR",
        0x0a => "ESME_RINVSRCADR",
        0x0b => "ESME_RINVDSTADR",
        0x0c => "ESME_RINVMSGID",
        0x0d => "ESME_RBINDFAIL",
        0x0e => "ESME_RINVPASWD",
        0x0f => "ESME_RINVSYSID",
        0x11 => "ESME_RCANCELFAIL",
        0x13 => "ESME_RREPLACEFAIL",
        QUEUE_FULL => "ESME_RMSGQFUL",
        0x15 => "ESME_RINVSERTYP",
        0x43 => "ESME_RINVESMCLASS",
        0x44 => "ESME_RCNTSUBDL",
        0x45 => "ESME_RSUBMITFAIL",
        0x48 => "ESME_RINVSRCTON",
        0x49 => "ESME_RINVSRCNPI",
        0x50 => "ESME_RINVDSTTON",
        0x51 => "ESME_RINVDSTNPI",
        0x53 => "ESME_RINVSYSTYP",
        0x54 => "ESME_RINVREPFLAG",
        0x55 => "ESME_RINVNUMMSGS",
        THROTTLED => "ESME_RTHROTTLED",
        0x61 => "ESME_RINVSCHED",
        0x62 => "ESME_RINVEXPIRY",
        0x63 => "ESME_RINVDFTMSGID",
        0x64 => "ESME_RX_T_APPN",
        0x65 => "ESME_RX_P_APPN",
        0x66 => "ESME_RX_R_APPN",
        0x67 => "ESME_RQUERYFAIL",
        0xc0 => "ESME_RINVOPTPARSTREAM",
        0xc1 => "ESME_ROPTPARNOTALLWD",
        0xc2 => "ESME_RINVPARLEN",
        0xc3 => "ESME_RMISSINGOPTPARAM",
        0xc4 => "ESME_RINVOPTPARAMVAL",
        0xfe => "ESME_RDELIVERYFAILURE",
        0xff => "ESME_RUNKNOWNERR",
        0x100 => "ESME_RSERTYPUNAUTH",
        0x101 => "ESME_RPROHIBITED",
        0x102 => "ESME_RSERTYPUNAVAIL",
        0x103 => "ESME_RSERTYPDENIED",
        0x104 => "ESME_RINVDCS",
        _ => return None,
    })
}

fn shown(status: u32) -> String {
    format!("{} (0x{status:08x})", name(status))
}

/// Statuses that say nothing of the message itself; `None`: the others.
fn general(status: u32) -> Option<fn(String) -> SubmitError> {
    match status {
        THROTTLED | QUEUE_FULL => Some(SubmitError::throttled),
        0x04 | 0x05 | 0x08 | 0x0d | 0x45 | 0x64 | 0xff => Some(SubmitError::unavailable),
        0x0e | 0x0f | 0x53 | 0x100 | 0x101 => Some(SubmitError::misconfigured),
        _ => None,
    }
}

/// A bind that the SMSC refused.
pub(crate) fn of_bind(status: u32) -> SubmitError {
    let error = general(status).unwrap_or(SubmitError::unavailable);
    error(format!("the SMSC refused the bind: {}", shown(status))).code(format!("0x{status:08x}"))
}

/// What was not done in time, so that there is no bind.
pub(crate) fn late(doing: &str, limit: Duration) -> SubmitError {
    let seconds = (limit.as_secs_f64() * 1000.0).round() / 1000.0;
    SubmitError::unavailable(format!("{doing}: not done within {seconds} s"))
}

fn of_part(status: u32) -> SubmitError {
    let error = general(status).unwrap_or(SubmitError::rejected);
    error(shown(status)).code(format!("0x{status:08x}"))
}

/// The outcome of a message whose parts ended so, in their order.
pub(crate) fn of_message(ends: &[PartEnd]) -> Result<Accepted, SubmitError> {
    let total = ends.len();
    let ids = ends.iter().filter_map(|end| match end {
        PartEnd::Accepted(id) => Some(id),
        _ => None,
    });
    let accepted = ids.clone().count();
    let ids = ids.filter(|id| !id.is_empty()).cloned();
    let with_ids = |error: SubmitError| ids.clone().fold(error, SubmitError::id);
    if accepted == total {
        let parts = u32::try_from(total).unwrap_or(u32::MAX);
        let accepted = ids.clone().fold(Accepted::new(), Accepted::id).parts(parts);
        return Ok(accepted.code("0x00000000").detail(name(0)));
    }
    let out = format!("{accepted} of {total} parts went out");
    let unanswered = ends.iter().find_map(|end| match end {
        PartEnd::Unanswered(why) => Some(why),
        _ => None,
    });
    if let Some(why) = unanswered {
        let detail = if total == 1 { why.clone() } else { format!("{why}; {out} for certain") };
        return Err(with_ids(SubmitError::uncertain(detail)));
    }
    // One that says something of the message, before one that only asks to wait.
    let refused = |wanted: fn(u32) -> bool| {
        ends.iter().find_map(|end| match end {
            PartEnd::Refused(status) if wanted(*status) => Some(*status),
            _ => None,
        })
    };
    let told = refused(|status| !is_throttled(status));
    if accepted > 0 {
        return Err(with_ids(match told {
            Some(status) => {
                SubmitError::rejected(format!("{}; {out}", shown(status))).code(format!("0x{status:08x}"))
            }
            None => SubmitError::uncertain(format!("{out}, and there was no time left for the others")),
        }));
    }
    if let Some(status) = told.or_else(|| refused(is_throttled)) {
        return Err(of_part(status));
    }
    let no_link = ends.iter().find_map(|end| match end {
        PartEnd::NoLink(error) => Some(error.clone()),
        _ => None,
    });
    Err(no_link.unwrap_or_else(|| {
        SubmitError::throttled("there was no turn for it in time: WINDOW or TPS were used up by others")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::Verdict;

    #[test]
    fn each_status_has_its_outcome_with_name_and_code() {
        for (status, verdict, name) in [
            (0x58, Verdict::Throttled, "ESME_RTHROTTLED"),
            (0x14, Verdict::Throttled, "ESME_RMSGQFUL"),
            (0x08, Verdict::Unavailable, "ESME_RSYSERR"),
            (0x45, Verdict::Unavailable, "ESME_RSUBMITFAIL"),
            (0x0d, Verdict::Unavailable, "ESME_RBINDFAIL"),
            (0x0e, Verdict::Misconfigured, "ESME_RINVPASWD"),
            (0x0b, Verdict::Rejected, "ESME_RINVDSTADR"),
            (0x400, Verdict::Rejected, "unknown status"),
        ] {
            let error = of_message(&[PartEnd::Refused(status)]).unwrap_err();
            assert_eq!(error.verdict, verdict, "{name}");
            assert_eq!(error.code, Some(format!("0x{status:08x}")));
            assert!(error.detail.contains(name) && error.detail.contains(&format!("0x{status:08x}")));
        }
        assert_eq!(of_bind(0x0f).verdict, Verdict::Misconfigured);
        assert_eq!(of_bind(0x400).verdict, Verdict::Unavailable);
    }

    #[test]
    fn parts_decide_together() {
        let accepted = |id: &str| PartEnd::Accepted(id.into());
        let whole = of_message(&[accepted("a"), accepted("b")]).unwrap();
        assert_eq!((whole.parts, whole.ids), (2, vec!["a".to_owned(), "b".into()]));
        let nameless = of_message(&[accepted(""), accepted("")]).unwrap();
        assert_eq!((nameless.parts, nameless.ids.len()), (2, 0));
        let lost = || PartEnd::Unanswered("the link broke".into());
        let down = || PartEnd::NoLink(SubmitError::unavailable("no link"));
        for (ends, verdict, ids) in [
            (vec![accepted("a"), lost()], Verdict::Uncertain, 1),
            (vec![PartEnd::Refused(0x0b), lost()], Verdict::Uncertain, 0),
            (vec![accepted("a"), PartEnd::Refused(0x0b)], Verdict::Rejected, 1),
            (vec![accepted("a"), PartEnd::Refused(0x08)], Verdict::Rejected, 1),
            (vec![accepted("a"), PartEnd::Refused(0x58)], Verdict::Uncertain, 1),
            (vec![accepted("a"), PartEnd::Waited], Verdict::Uncertain, 1),
            (vec![accepted("a"), down()], Verdict::Uncertain, 1),
            (vec![PartEnd::Refused(0x58), PartEnd::Refused(0x0b)], Verdict::Rejected, 0),
            (vec![PartEnd::Refused(0x58), PartEnd::Waited], Verdict::Throttled, 0),
            (vec![PartEnd::Waited], Verdict::Throttled, 0),
            (vec![PartEnd::Waited, down()], Verdict::Unavailable, 0),
        ] {
            let error = of_message(&ends).unwrap_err();
            assert_eq!((error.verdict, error.ids.len()), (verdict, ids), "{ends:?}: {error}");
        }
    }
}
