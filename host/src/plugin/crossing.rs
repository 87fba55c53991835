//! What crosses the boundary to a provider, out of the host's own words and into them.

use super::{
    handle::{ReceiptRequest, Submission},
    redaction::Redaction,
};
use crate::message::{MessageId, Outcome};
use abi_stable::std_types::{RErr, ROk, ROption, RString, RVec, Tuple2};
use gatepost_provider_api::{
    Problem, Verdict,
    abi::{FfiAccepted, FfiError, FfiMessage, FfiReceiptRequest, FfiResult},
};
use std::time::Duration;

/// Bounds of what a provider may say of the parts of one message.
const IDS: usize = 255;
const ID_CHARACTERS: usize = 256;

pub(super) fn ffi_message(submission: &Submission) -> FfiMessage {
    let Submission { id, to, from, content, tag, expires_at, attempt } = submission;
    let optional = |value: Option<&str>| -> ROption<RString> { value.map(RString::from).into() };
    FfiMessage {
        id: id.to_string().into(),
        to: to.expose().into(),
        from: optional(from.as_deref()),
        text: content.text.expose().into(),
        title: optional(content.title.as_ref().map(|title| title.expose())),
        tag: optional(tag.as_deref()),
        data: optional(content.data.as_ref().map(|data| data.expose())),
        expires_at_ms: expires_at.as_millis(),
        attempt: *attempt,
        ext: RString::new(),
    }
}

pub(super) fn outcome(
    result: FfiResult<FfiAccepted>,
    redaction: &Redaction,
    about: Option<MessageId>,
) -> Outcome {
    match result {
        ROk(accepted) => {
            let [code, detail] = redaction.cleaned([accepted.code, accepted.detail], about);
            Outcome { code, detail, ..Outcome::accepted(provider_ids(&accepted.ids), accepted.parts.max(1)) }
        }
        RErr(error) => refused(error, redaction, about),
    }
}

pub(super) fn refused(error: FfiError, redaction: &Redaction, about: Option<MessageId>) -> Outcome {
    let [code, detail] = redaction.cleaned([error.code, ROption::RSome(error.detail)], about);
    Outcome {
        kind: Verdict::from_code(error.verdict).into(),
        code,
        detail,
        after: error.after_ms.into_option().map(Duration::from_millis),
        provider_ids: provider_ids(&error.ids),
        parts: 0,
    }
}

fn provider_ids(ids: &RVec<RString>) -> Vec<String> {
    ids.iter().take(IDS).map(|id| id_as_kept(id)).collect()
}

/// Ids of submissions and those of receipts are cut at the same place, so that they match.
pub(super) fn id_as_kept(id: &str) -> String {
    let end = id.char_indices().nth(ID_CHARACTERS).map_or(id.len(), |(at, _)| at);
    id.get(..end).unwrap_or(id).to_owned()
}

pub(super) fn ffi_request(request: ReceiptRequest) -> FfiReceiptRequest {
    let ReceiptRequest { method, query, headers, body } = request;
    let header = |(name, value): (String, String)| Tuple2(name.into(), value.into());
    FfiReceiptRequest {
        method: method.into(),
        query: query.into(),
        headers: headers.into_iter().map(header).collect(),
        body: body.into(),
        ext: RString::new(),
    }
}

pub(super) fn problems(json: &str, redaction: &Redaction) -> Option<Vec<Problem>> {
    let mut problems =
        serde_json::from_str::<Vec<Problem>>(json).ok().filter(|problems| !problems.is_empty())?;
    for problem in &mut problems {
        problem.what = redaction.clean(&problem.what, None);
        problem.mend = redaction.clean(&problem.mend, None);
    }
    Some(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::OutcomeKind;

    #[test]
    fn what_a_provider_says_of_its_parts_is_bounded() {
        // Cut between characters, never in one.
        let long = "ä".repeat(ID_CHARACTERS + 1);
        let ids: RVec<RString> = vec![RString::from(long.as_str()); IDS + 1].into();
        let kept = provider_ids(&ids);
        assert_eq!((kept.len(), kept[0].chars().count()), (IDS, ID_CHARACTERS));
        assert_eq!(kept[0], id_as_kept(&long), "a receipt for it is matched");
        assert_eq!(id_as_kept("bc614e"), "bc614e");
    }

    #[test]
    fn a_refusal_is_free_of_secrets_and_keeps_what_went_out() {
        let error = FfiError {
            verdict: Verdict::Throttled.code(),
            code: ROption::RSome("0x00000058".into()),
            detail: "for hunter2secret".into(),
            after_ms: ROption::RSome(1500),
            ids: vec![RString::from("a")].into(),
            ext: RString::new(),
        };
        let refused = refused(error, &Redaction::new(&["hunter2secret".into()]), None);
        let outcome = Outcome {
            code: Some("0x00000058".into()),
            after: Some(Duration::from_millis(1500)),
            provider_ids: vec!["a".into()],
            ..Outcome::new(OutcomeKind::Throttled, "for ***")
        };
        assert_eq!(refused, outcome);
    }
}
