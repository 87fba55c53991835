//! What a provider takes, as a page of Markdown.

use super::kind;
use gatepost_provider_api::{
    Declaration, Parameter,
    figure::{Figure, Reading},
};
use std::{
    collections::BTreeSet,
    fmt::{self, Display, Formatter},
};

/// The page of a provider. It names no version, so that it changes with the declaration alone.
pub(super) struct Page<'d> {
    pub(super) name: &'d str,
    pub(super) declaration: &'d Declaration,
}

impl Display for Page<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, declaration } = self;
        writeln!(f, "# Provider `{name}`\n\n{}", declaration.description)?;
        if let Some(address) = &declaration.documentation {
            writeln!(f, "\nThe service's own documentation: <{address}>")?;
        }
        writeln!(f, "\n## Parameters\n\n`[gateways.NAME.parameters]`, where `provider = \"{name}\"`:\n")?;
        table(f, &declaration.parameters)?;
        writeln!(f, "\n## Settings\n\n`[provider.{name}]`, for all of its gateways:\n")?;
        table(f, &declaration.settings)?;
        let taken = |taken| if taken { "taken" } else { "not taken" };
        let receipts = if declaration.parses_receipts { "parsed" } else { "not parsed" };
        figures(f, name, &declaration.figures)?;
        writeln!(f, "\n## Further\n")?;
        writeln!(f, "- Options, `[gateways.NAME.options]`: {}.", taken(declaration.options_allowed))?;
        writeln!(f, "- Headers, `[gateways.NAME.headers]`: {}.", taken(declaration.headers_allowed))?;
        writeln!(f, "- Receipts that the service posts: {receipts}.")
    }
}

fn table(f: &mut Formatter<'_>, parameters: &[Parameter]) -> fmt::Result {
    if parameters.is_empty() {
        return writeln!(f, "None.");
    }
    row(
        f,
        ["name", "required", "default", "kind", "secret", "also called", "description"].map(str::to_owned),
    )?;
    writeln!(f, "|---|---|---|---|---|---|---|")?;
    for parameter in parameters {
        let yes = |flag| if flag { "yes" } else { "" }.to_owned();
        let aliases = parameter.aliases.iter().map(|alias| code(alias)).collect::<Vec<_>>();
        let cells = [
            code(&parameter.name),
            yes(parameter.required),
            parameter.default.as_deref().map(code).unwrap_or_default(),
            kind(&parameter.kind),
            yes(parameter.is_secret()),
            aliases.join(", "),
            parameter.description.clone(),
        ];
        row(f, cells)?;
    }
    Ok(())
}

fn figures(f: &mut Formatter<'_>, provider: &str, figures: &[Figure]) -> fmt::Result {
    if figures.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n## Figures\n\nOn `/metrics`, for each gateway, which the label `gateway` names:\n")?;
    row(f, ["name", "kind", "further labels", "description"].map(str::to_owned))?;
    writeln!(f, "|---|---|---|---|")?;
    let mut known = BTreeSet::new();
    for figure in figures {
        let name = figure.full_name(provider);
        if known.insert(name.clone()) {
            let kind = match figure.reading {
                Reading::Counter(_) => "counter",
                Reading::Histogram(_) => "histogram",
                _ => "gauge",
            };
            let labels = figure.labels.iter().map(|(label, _)| code(label)).collect::<Vec<_>>();
            row(f, [code(&name), kind.into(), labels.join(", "), figure.help.clone()])?;
        }
    }
    Ok(())
}

/// Neither a bar nor a line break may end a cell.
fn row<const N: usize>(f: &mut Formatter<'_>, cells: [String; N]) -> fmt::Result {
    for cell in cells {
        let cell = cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        if cell.is_empty() { f.write_str("| ")? } else { write!(f, "| {cell} ")? }
    }
    writeln!(f, "|")
}

fn code(text: &str) -> String {
    match (text.is_empty(), text.contains('`')) {
        (true, _) => "(empty)".into(),
        (false, false) => format!("`{text}`"),
        (false, true) => format!("`` {text} ``"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_all_that_is_declared() {
        let declaration = Declaration::new("Calls by *pigeon*.")
            .documentation("https://pigeon.example/api")
            .parameter(
                Parameter::choice("COLOUR", &["grey", "white"])
                    .required()
                    .alias("COLOR")
                    .description("Either `a|b`\nor not."),
            )
            .parameter(Parameter::text("API_TOKEN").default(""))
            .allow_options()
            .parse_receipts()
            .figures([
                Figure::counter("flights", "Flights, by how they ended.", 0).label("end", "arrived"),
                Figure::counter("flights", "Flights, by how they ended.", 0).label("end", "lost"),
                Figure::gauge("age", "The oldest pigeon's.", 0.0).unit("seconds"),
            ]);
        let page = Page { name: "pigeon", declaration: &declaration }.to_string();
        let expected = r#"# Provider `pigeon`

Calls by *pigeon*.

The service's own documentation: <https://pigeon.example/api>

## Parameters

`[gateways.NAME.parameters]`, where `provider = "pigeon"`:

| name | required | default | kind | secret | also called | description |
|---|---|---|---|---|---|---|
| `COLOUR` | yes | | grey or white | | `COLOR` | Either `a\|b` or not. |
| `API_TOKEN` | | (empty) | text | yes | | |

## Settings

`[provider.pigeon]`, for all of its gateways:

None.

## Figures

On `/metrics`, for each gateway, which the label `gateway` names:

| name | kind | further labels | description |
|---|---|---|---|
| `gatepost_provider_pigeon_flights_total` | counter | `end` | Flights, by how they ended. |
| `gatepost_provider_pigeon_age_seconds` | gauge | | The oldest pigeon's. |

## Further

- Options, `[gateways.NAME.options]`: taken.
- Headers, `[gateways.NAME.headers]`: not taken.
- Receipts that the service posts: parsed.
"#;
        assert_eq!(page, expected);
    }
}
