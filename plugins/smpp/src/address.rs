//! Addresses and what kind of number they are: SMPP 3.4, sections 5.2.5 (TON) and 5.2.6 (NPI).

/// Type of number and numbering plan, as far as the definition fixes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) ton: Option<u8>,
    pub(crate) npi: Option<u8>,
}

impl Kind {
    /// TON and NPI of this address: what is not fixed goes by its form.
    pub(crate) fn of(self, address: &str) -> (u8, u8) {
        let digits = address.strip_prefix('+').unwrap_or(address);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let (ton, npi) = match is_number {
            _ if address.is_empty() => (0, 0),
            // International, E.164.
            true if address.starts_with('+') || digits.len() > 8 => (1, 1),
            // A short code of the network.
            true => (3, 0),
            // Alphanumeric.
            false => (5, 0),
        };
        (self.ton.unwrap_or(ton), self.npi.unwrap_or(npi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_decides_where_the_definition_does_not() {
        let open = Kind { ton: None, npi: None };
        for (address, kind) in [
            ("", (0, 0)),
            ("+4912", (1, 1)),
            ("491701234567", (1, 1)),
            ("123456789", (1, 1)),
            ("12345678", (3, 0)),
            ("112", (3, 0)),
            ("Gatepost", (5, 0)),
            ("+", (5, 0)),
            ("0049 170", (5, 0)),
        ] {
            assert_eq!(open.of(address), kind, "{address}");
        }
        assert_eq!(Kind { ton: Some(2), npi: None }.of("+49"), (2, 1));
        assert_eq!(Kind { ton: None, npi: Some(9) }.of("Gatepost"), (5, 9));
    }
}
