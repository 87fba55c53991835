//! `PROXY`, which privacyIDEA looks up under the proxy's own scheme in place of the URL's.

use super::{gateway::Draft, report::Kind};

/// Says where the requests of this gateway, to a URL of this scheme, begin to go through its PROXY.
pub(super) fn adapt(draft: &mut Draft, scheme: &str) {
    let Some(proxy) = draft.parameter("PROXY") else { return };
    let own = proxy.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let (same, other) =
        if scheme == "https" { ("HTTPS_PROXY", "HTTP_PROXY") } else { ("HTTP_PROXY", "HTTPS_PROXY") };
    if draft.has(same) {
        return;
    }
    if draft.has(other) {
        let text = format!(
            "there it was not looked at beside {other}, and requests went out directly; here they go through it"
        );
        draft.note(Kind::NotCopied, "PROXY", text);
    } else if own != scheme {
        let text = format!(
            "its own scheme is not that of the {scheme} URL, for which it was silently bypassed there; here requests go through it"
        );
        draft.note(Kind::NotCopied, "PROXY", text);
    }
}
