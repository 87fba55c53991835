//! `[telemetry]`

use super::{Endpoint, Location, SectionPlaces, Telemetry, document::Table, reader::Reader};

/// `top` is the begin of the file, for a table that is not there.
pub(super) fn telemetry(table: Option<&Table<'_>>, top: Location, reader: &mut Reader<'_>) -> Telemetry {
    let mut telemetry = Telemetry { otlp: None, places: SectionPlaces::none("telemetry", top) };
    let Some(table) = table else { return telemetry };
    telemetry.places = SectionPlaces::of(table, "telemetry");
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
fn collector(text: &str) -> Result<Endpoint, String> {
    let endpoint = Endpoint::parse(text)?;
    if endpoint.url().contains('?') {
        return Err("has a query".into());
    }
    Ok(endpoint)
}
