//! Delivery receipts that the service posts: which fields hold what stands in the definition.

use gatepost_provider_api::{
    Definition, Event, Problem, Receipt, ReceiptRequest, ReceiptStatus, SubmitError,
    serde_json::{self, Value},
};
use url::form_urlencoded;

/// How receipts are read.
#[derive(Debug)]
pub(crate) struct Receipts {
    id: String,
    status: String,
    delivered: Vec<String>,
    failed: Vec<String>,
}

impl Receipts {
    /// `None` where the definition says nothing of receipts.
    pub(crate) fn new(definition: &Definition) -> Result<Option<Self>, Vec<Problem>> {
        const NAMES: [&str; 4] = ["RECEIPT_ID", "RECEIPT_STATUS", "RECEIPT_DELIVERED", "RECEIPT_FAILED"];
        let [id, status, delivered, failed] = NAMES.map(|name| definition.filled(name));
        match (id, status) {
            (None, None) if delivered.is_none() && failed.is_none() => Ok(None),
            (Some(id), Some(status)) if delivered.is_some() || failed.is_some() => {
                let receipts = Self {
                    id: id.into(),
                    status: status.into(),
                    delivered: values(delivered),
                    failed: values(failed),
                };
                match receipts.delivered.iter().find(|value| receipts.failed.contains(value)) {
                    None => Ok(Some(receipts)),
                    Some(both) => {
                        let what = format!("{both:?} is in RECEIPT_DELIVERED too");
                        Err(vec![Problem::parameter("RECEIPT_FAILED", what, "remove it from one of the two")])
                    }
                }
            }
            _ => {
                let missing = [
                    ("RECEIPT_ID", id),
                    ("RECEIPT_STATUS", status),
                    ("RECEIPT_DELIVERED", delivered.or(failed)),
                ];
                let problem = |name| {
                    Problem::parameter(
                        name,
                        "is missing: receipts are read by all of RECEIPT_ID, RECEIPT_STATUS and RECEIPT_DELIVERED",
                        "add it",
                    )
                };
                Err(missing
                    .into_iter()
                    .filter(|(_, value)| value.is_none())
                    .map(|(name, _)| problem(name))
                    .collect())
            }
        }
    }

    /// The receipts in a request: a form, a query, a JSON object or a list of such.
    pub(crate) fn read(&self, request: &ReceiptRequest) -> Result<Vec<Event>, SubmitError> {
        let content_type = request.headers.iter().find(|(name, _)| name == "content-type");
        let is_json = content_type.is_some_and(|(_, value)| value.to_ascii_lowercase().contains("json"));
        if !is_json {
            let pairs = || {
                form_urlencoded::parse(&request.body).chain(form_urlencoded::parse(request.query.as_bytes()))
            };
            let field =
                |name: &str| pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            return Ok(vec![self.receipt(field)?]);
        }
        let body: Value = serde_json::from_slice(&request.body).map_err(|error| {
            SubmitError::rejected(format!("no JSON at line {}, column {}", error.line(), error.column()))
        })?;
        let documents = match body {
            Value::Array(documents) => documents,
            document => vec![document],
        };
        documents.iter().map(|document| self.receipt(|name| json_field(document, name))).collect()
    }

    fn receipt(&self, field: impl Fn(&str) -> Option<String>) -> Result<Event, SubmitError> {
        let wanted = |name: &str| {
            field(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .ok_or_else(|| SubmitError::rejected(format!("the field {name} is missing")))
        };
        let (id, said) = (wanted(&self.id)?, wanted(&self.status)?);
        let status = if self.delivered.contains(&said) {
            ReceiptStatus::Delivered
        } else if self.failed.contains(&said) {
            ReceiptStatus::Undelivered
        } else {
            ReceiptStatus::Pending
        };
        Ok(Event::Receipt(Receipt::new(id, status).code(said)))
    }
}

fn values(text: Option<&str>) -> Vec<String> {
    let values = text.unwrap_or_default().split(',').map(|value| value.trim().to_owned());
    values.filter(|value| !value.is_empty()).collect()
}

/// `a.b`: the field of that name, else `b` of the object `a`.
fn json_field(document: &Value, name: &str) -> Option<String> {
    let found =
        document.get(name).or_else(|| name.split('.').try_fold(document, |inner, name| inner.get(name)))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(found.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn receipts(parameters: Value) -> Result<Option<Receipts>, Vec<Problem>> {
        let parameters = parameters.as_object().cloned().unwrap_or_default();
        Receipts::new(&Definition { parameters, ..Definition::default() })
    }

    fn twilio() -> Receipts {
        let parameters = json!({
            "RECEIPT_ID": "MessageSid", "RECEIPT_STATUS": "MessageStatus",
            "RECEIPT_DELIVERED": "delivered", "RECEIPT_FAILED": "failed, undelivered",
        });
        receipts(parameters).unwrap().unwrap()
    }

    fn read(receipts: &Receipts, content_type: &str, body: &str) -> Vec<(String, ReceiptStatus, String)> {
        let events = receipts.read(&ReceiptRequest::post(content_type, body)).unwrap();
        let parts = |event| match event {
            Event::Receipt(receipt) => (receipt.provider_id, receipt.status, receipt.code.unwrap()),
            other => panic!("{other:?}"),
        };
        events.into_iter().map(parts).collect()
    }

    #[test]
    fn forms_are_read() {
        for (said, status) in [
            ("delivered", ReceiptStatus::Delivered),
            ("undelivered", ReceiptStatus::Undelivered),
            ("failed", ReceiptStatus::Undelivered),
            ("sent", ReceiptStatus::Pending),
        ] {
            let body = format!("MessageSid=SM%2B1&MessageStatus={said}&To=%2B49");
            let found = read(&twilio(), "application/x-www-form-urlencoded; charset=UTF-8", &body);
            assert_eq!(found, [("SM+1".to_owned(), status, said.to_owned())]);
        }
    }

    #[test]
    fn queries_are_read() {
        let mut request = ReceiptRequest::post("", "");
        request.query = "MessageSid=1&MessageStatus=delivered".into();
        assert_eq!(twilio().read(&request).unwrap().len(), 1);
    }

    #[test]
    fn json_is_read_however_deep() {
        let deep = json!({
            "RECEIPT_ID": "data.apiMessageId", "RECEIPT_STATUS": "data.statusCode", "RECEIPT_DELIVERED": "004",
            "RECEIPT_FAILED": "5",
        });
        let deep = receipts(deep).unwrap().unwrap();
        let body = r#"[{"data": {"apiMessageId": "a", "statusCode": "004"}}, {"data": {"apiMessageId": 7, "statusCode": 5}}]"#;
        let found = read(&deep, "application/json", body);
        let expected = [("a", ReceiptStatus::Delivered, "004"), ("7", ReceiptStatus::Undelivered, "5")];
        assert_eq!(found, expected.map(|(id, status, code)| (id.to_owned(), status, code.to_owned())));
    }

    #[test]
    fn what_holds_no_receipt_says_why() {
        for (content_type, body, why) in [
            ("application/json", "{", "no JSON at line 1"),
            ("application/json", "5", "the field MessageSid is missing"),
            ("application/json", r#"{"MessageSid": {}}"#, "the field MessageSid is missing"),
            ("", "MessageSid=1", "the field MessageStatus is missing"),
            ("", "MessageSid=&MessageStatus=x", "the field MessageSid is missing"),
        ] {
            let error = twilio().read(&ReceiptRequest::post(content_type, body)).unwrap_err();
            assert!(error.detail.contains(why), "{body}: {error}");
        }
    }

    #[test]
    fn half_a_definition_is_none() {
        assert!(receipts(json!({})).unwrap().is_none());
        for (parameters, keys) in [
            (json!({ "RECEIPT_ID": "a" }), &["RECEIPT_STATUS", "RECEIPT_DELIVERED"][..]),
            (json!({ "RECEIPT_ID": "a", "RECEIPT_STATUS": "b" }), &["RECEIPT_DELIVERED"]),
            (json!({ "RECEIPT_FAILED": "a" }), &["RECEIPT_ID", "RECEIPT_STATUS"]),
            (
                json!({ "RECEIPT_ID": "a", "RECEIPT_STATUS": "b", "RECEIPT_DELIVERED": "x,y", "RECEIPT_FAILED": "z,y" }),
                &["RECEIPT_FAILED"],
            ),
        ] {
            let problems = receipts(parameters).unwrap_err();
            assert_eq!(problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(), keys);
        }
    }
}
