// SPDX-License-Identifier: GPL-2.0
//! Fault injection, for the error paths of drivers.

/// The commands, as `inject` takes them.
pub const HELP: &str = "\
never-ready            the device never reports ready (PMSM stays 0)
slow-idle=N            the next N reads of the idle status say busy
stuck-drain            counters that drivers drain never read less than 1
lose-msix=N            the next N MSI-X messages of the PF are lost
lose-msi=N             the next N MSI messages of VFs are lost
spurious-msix=V        MSI-X vector V is signalled now, for no reason
spurious-msi=VF:M      VF signals message M now, for no reason
corrupt-vf2pf=VF:W:X   the PF's next read of word W of VF's mailbox is XORed with X
corrupt-pf2vf=VF:W:X   VF's next read of word W of its mailbox from the PF is XORed with X
parity-alarm=S         a hardware alarm with syndrome S
dma-fault=N            the next N DMA writes fault
clear                  end of all of them";

/// One corrupted mailbox word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrupt {
    pub vf: u8,
    pub word: u8,
    pub xor: u32,
}

/// Faults in force.
#[derive(Clone, Default, Debug)]
pub struct Faults {
    pub never_ready: bool,
    pub slow_idle: u32,
    pub stuck_drain: bool,
    pub lose_msix: u32,
    pub lose_msi: u32,
    pub dma_fault: u32,
    pub vf2pf: Option<Corrupt>,
    pub pf2vf: Option<Corrupt>,
}

/// Something that happens once, now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Now {
    Msix(u16),
    Msi(u8, u8),
    Parity(u8),
}

fn number(s: &str) -> Result<u32, String> {
    let parsed = match s.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => s.parse(),
    };
    parsed.map_err(|_| format!("'{s}' is not a number"))
}

fn at_most(s: &str, max: u32) -> Result<u32, String> {
    let n = number(s)?;
    if n > max {
        return Err(format!("{n} is more than {max}"));
    }
    Ok(n)
}

fn corrupt(v: &str, words: u32) -> Result<Option<Corrupt>, String> {
    let mut p = v.split(':');
    let (Some(vf), Some(word), Some(xor), None) = (p.next(), p.next(), p.next(), p.next()) else {
        return Err(format!("'{v}' is not VF:WORD:XOR"));
    };
    Ok(Some(Corrupt {
        vf: at_most(vf, 15)? as u8,
        word: at_most(word, words - 1)? as u8,
        xor: number(xor)?,
    }))
}

impl Faults {
    /// Take commands separated by `;` or newlines; all of them or, on an error, none.
    pub fn apply(&mut self, commands: &str) -> Result<Vec<Now>, String> {
        let mut f = self.clone();
        let mut now = Vec::new();
        for c in commands
            .split([';', '\n'])
            .map(str::trim)
            .filter(|c| !c.is_empty())
        {
            let (name, v) = c
                .split_once('=')
                .map_or((c, ""), |(n, v)| (n.trim(), v.trim()));
            match name {
                "never-ready" => f.never_ready = true,
                "slow-idle" => f.slow_idle = number(v)?,
                "stuck-drain" => f.stuck_drain = true,
                "lose-msix" => f.lose_msix = number(v)?,
                "lose-msi" => f.lose_msi = number(v)?,
                "dma-fault" => f.dma_fault = number(v)?,
                "spurious-msix" => now.push(Now::Msix(at_most(v, 64)? as u16)),
                "spurious-msi" => {
                    let (vf, m) = v.split_once(':').ok_or("spurious-msi takes VF:MESSAGE")?;
                    now.push(Now::Msi(at_most(vf, 15)? as u8, at_most(m, 31)? as u8));
                }
                "corrupt-vf2pf" => f.vf2pf = corrupt(v, 64)?,
                "corrupt-pf2vf" => f.pf2vf = corrupt(v, 16)?,
                "parity-alarm" => now.push(Now::Parity(at_most(v, 255)? as u8)),
                "clear" => {
                    f = Self::default();
                    now.clear();
                }
                "help" => return Err(HELP.into()),
                _ => return Err(format!("unknown fault '{name}'; the faults are:\n{HELP}")),
            }
        }
        *self = f;
        Ok(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_nothing() {
        let mut f = Faults::default();
        assert!(f.apply("never-ready; lose-msix=3x").is_err());
        assert!(!f.never_ready);
        assert_eq!(
            f.apply("never-ready\nspurious-msix=1; lose-msix=0x10"),
            Ok(vec![Now::Msix(1)])
        );
        assert!(f.never_ready);
        assert_eq!(f.lose_msix, 16);
        assert_eq!(f.apply("clear"), Ok(vec![]));
        assert!(!f.never_ready && f.lose_msix == 0);
    }

    #[test]
    fn refusals() {
        let mut f = Faults::default();
        for bad in [
            "nonsense",
            "spurious-msix=65",
            "spurious-msi=3",
            "spurious-msi=16:0",
            "corrupt-vf2pf=0:64:1",
            "corrupt-pf2vf=0:16:1",
            "corrupt-pf2vf=0:1",
            "parity-alarm=256",
            "slow-idle=",
        ] {
            assert!(f.apply(bad).is_err(), "{bad}");
        }
        assert_eq!(f.apply("help"), Err(HELP.into()));
    }
}
