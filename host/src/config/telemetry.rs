//! `[telemetry]`

use super::{Endpoint, Telemetry, document::Table, reader::Reader};

pub(super) fn telemetry(table: Option<&Table<'_>>, reader: &mut Reader<'_>) -> Telemetry {
    let mut telemetry = Telemetry::default();
    let Some(table) = table else { return telemetry };
    table.unknown(&["otlp"], &mut reader.problems);
    if let Some(entry) = table.get("otlp")
        && let Some(text) = reader.string(&entry)
    {
        match collector(&text) {
            Ok(otlp) => telemetry.otlp = Some(otlp),
            Err(what) => reader.refuse(
                &entry,
                what,
                "write the base address of a collector's OTLP over HTTP, such as \"http://127.0.0.1:4318\"",
            ),
        }
    }
    telemetry
}

/// The base address, to which `/v1/traces` is added, as OpenTelemetry has it for `OTEL_EXPORTER_OTLP_ENDPOINT`.
fn collector(text: &str) -> Result<String, String> {
    let url = Endpoint::parse(text)?.url().to_owned();
    if url.contains('?') {
        return Err("has a query".into());
    }
    Ok(url)
}
