// SPDX-License-Identifier: GPL-2.0

//! What users write to attributes, and how it reads back.
//!
//! Pure functions from bytes to values. They agree on what is refused how: text that is not a value
//! of the right kind is -EINVAL, a number that the attribute cannot have is -ERANGE.

use crate::desc::{
    Count,
    DeviceSel,
    Lifetime,
    LinkDesc,
    Name, //
};
use kernel::{
    fmt,
    prelude::*, //
};

/// How many queues can be linked to one load-balanced port.
pub(crate) const MAX_LINKS: usize = 8;

/// Deepest consumer queue.
const MAX_CQ_DEPTH: u32 = 1024;

/// Lowest priority there is.
const MAX_PRIORITY: u32 = 7;

/// What a load-balanced queue can have as its share of sequence numbers.
const SEQUENCE_NUMBERS: [u32; 6] = [0, 64, 128, 256, 512, 1024];

/// To how many values the hardware can compress the lock IDs of a queue; 0 leaves them alone.
const LOCK_ID_COMP_LEVELS: [u32; 9] = [0, 64, 128, 256, 512, 1024, 2048, 4096, 65536];

/// A decimal number from `min` to `max`.
pub(crate) fn number(input: &[u8], min: u32, max: u32) -> Result<u32> {
    let (negative, digits) = match input.trim_ascii().split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, input.trim_ascii()),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(EINVAL);
    }
    let value = digits
        .iter()
        .try_fold(0u32, |value, digit| {
            value
                .checked_mul(10)?
                .checked_add(u32::from(digit.wrapping_sub(b'0')))
        })
        .ok_or(ERANGE)?;
    if negative || value < min || value > max {
        return Err(ERANGE);
    }
    Ok(value)
}

/// One of the numbers in `allowed`.
fn number_of(input: &[u8], allowed: &[u32]) -> Result<u32> {
    let value = number(input, 0, u32::MAX)?;
    if allowed.contains(&value) {
        Ok(value)
    } else {
        Err(ERANGE)
    }
}

/// `auto`, or a number from `min` to `max`.
pub(crate) fn count(input: &[u8], min: u32, max: u32) -> Result<Count> {
    match input.trim_ascii() {
        b"auto" => Ok(Count::Auto),
        input => Ok(Count::Exact(number(input, min, max)?)),
    }
}

/// `0` or `1`.
pub(crate) fn flag(input: &[u8]) -> Result<bool> {
    Ok(number(input, 0, 1)? == 1)
}

/// A number of resources of a domain. Whether a device has as many is found out by `enable`.
pub(crate) fn resources(input: &[u8]) -> Result<Count> {
    count(input, 0, u32::MAX)
}

/// `auto`, or the name of a device.
pub(crate) fn device(input: &[u8]) -> Result<DeviceSel> {
    let input = input.trim_ascii();
    if input == b"auto" {
        return Ok(DeviceSel::Auto);
    }
    number(input.strip_prefix(b"dlb").ok_or(EINVAL)?, 0, u32::MAX).map_err(|_| EINVAL)?;
    Ok(DeviceSel::Named(Name::new(input)?))
}

/// `directory` or `file`.
pub(crate) fn lifetime(input: &[u8]) -> Result<Lifetime> {
    match input.trim_ascii() {
        b"directory" => Ok(Lifetime::Directory),
        b"file" => Ok(Lifetime::File),
        _ => Err(EINVAL),
    }
}

/// The name of another object, or nothing.
pub(crate) fn reference(input: &[u8]) -> Result<Option<Name>> {
    match input.trim_ascii() {
        b"" => Ok(None),
        input => Ok(Some(Name::new(input)?)),
    }
}

/// `any`, or a class of service.
pub(crate) fn class_of_service(input: &[u8]) -> Result<Option<u8>> {
    match input.trim_ascii() {
        b"any" => Ok(None),
        input => Ok(Some(u8::try_from(number(input, 0, 3)?)?)),
    }
}

/// The share of sequence numbers of a queue.
pub(crate) fn sequence_numbers(input: &[u8]) -> Result<u32> {
    number_of(input, &SEQUENCE_NUMBERS)
}

/// The in-flight limit of a queue.
pub(crate) fn qid_inflights(input: &[u8]) -> Result<Count> {
    count(input, 1, 2048)
}

/// The share of atomic in-flights of a queue.
pub(crate) fn atomic_inflights(input: &[u8]) -> Result<u32> {
    number(input, 0, 2048)
}

/// The lock-ID compression level of a queue.
pub(crate) fn lock_id_comp_level(input: &[u8]) -> Result<u32> {
    number_of(input, &LOCK_ID_COMP_LEVELS)
}

/// The depth threshold of a queue.
pub(crate) fn depth_threshold(input: &[u8]) -> Result<u32> {
    number(input, 0, 8191)
}

/// The depth of a consumer queue.
pub(crate) fn cq_depth(input: &[u8]) -> Result<u32> {
    let depth = number(input, 1, MAX_CQ_DEPTH)?;
    if depth.is_power_of_two() {
        Ok(depth)
    } else {
        Err(ERANGE)
    }
}

/// The history list of a port.
pub(crate) fn history_list(input: &[u8]) -> Result<Count> {
    count(input, 1, 2048)
}

/// The interrupt threshold of a consumer queue.
pub(crate) fn cq_depth_threshold(input: &[u8]) -> Result<u32> {
    number(input, 1, MAX_CQ_DEPTH)
}

/// The weight limit of a consumer queue; 0 is off.
pub(crate) fn weight_limit(input: &[u8]) -> Result<u32> {
    number(input, 0, MAX_CQ_DEPTH)
}

/// The in-flight threshold of a consumer queue; 0 is off.
pub(crate) fn inflight_threshold(input: &[u8]) -> Result<u32> {
    number(input, 0, 2048)
}

/// How many sequence numbers a slot of a group has.
pub(crate) fn slot_size(input: &[u8]) -> Result<u32> {
    match sequence_numbers(input)? {
        0 => Err(ERANGE),
        size => Ok(size),
    }
}

/// A share of something.
pub(crate) fn percent(input: &[u8]) -> Result<u32> {
    number(input, 0, 100)
}

/// The four weights of an arbiter, separated by blanks. None is less than the one before it.
pub(crate) fn arbiter_weights(input: &[u8]) -> Result<[u8; 4]> {
    let mut words = input
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let mut weights = [0; 4];
    for weight in &mut weights {
        *weight = u8::try_from(number(words.next().ok_or(EINVAL)?, 0, 255)?)?;
    }
    if words.next().is_some() || !weights.is_sorted() {
        return Err(EINVAL);
    }
    Ok(weights)
}

/// How long a consumer queue may lie unattended; 0 is for ever.
pub(crate) fn watchdog_seconds(input: &[u8]) -> Result<u32> {
    number_of(input, &[0, 1, 10, 40])
}

/// A weight of the round-robin arbiter.
pub(crate) fn wrr_weight(input: &[u8]) -> Result<u32> {
    number(input, 0, 7)
}

/// Numbers of virtual functions, separated by commas, as one bit each; may be empty.
pub(crate) fn vf_set(input: &[u8]) -> Result<u16> {
    let mut set = 0;
    if input.trim_ascii().is_empty() {
        return Ok(set);
    }
    for vf in input.split(|&c| c == b',') {
        set |= 1u16.checked_shl(number(vf, 0, 15)?).ok_or(ERANGE)?;
    }
    Ok(set)
}

/// `sparse`, which is true, or `packed`.
pub(crate) fn cq_layout(input: &[u8]) -> Result<bool> {
    match input.trim_ascii() {
        b"sparse" => Ok(true),
        b"packed" => Ok(false),
        _ => Err(EINVAL),
    }
}

/// The links of a port.
#[derive(Clone, Copy, Default)]
pub(crate) struct Links([Option<LinkDesc>; MAX_LINKS]);

impl Links {
    /// Applies what a user wrote: either a whole new set, as `queue:priority` separated by blanks,
    /// or changes to the present one, as `+queue:priority` and `-queue`.
    ///
    /// # Errors
    ///
    /// -EINVAL for what is not understood, and for a queue named twice in a set; -ERANGE for a
    /// priority that does not exist; -ENOSPC for more than [`MAX_LINKS`] links; -ENOENT for the
    /// removal of a link that is not there.
    pub(crate) fn edit(self, input: &[u8]) -> Result<Self> {
        let mut words = input
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .peekable();
        let is_change = |word: &[u8]| matches!(word.first(), Some(b'+' | b'-'));
        let changes = words.peek().is_some_and(|word| is_change(word));

        let mut links = if changes { self } else { Self::default() };
        for word in words {
            if is_change(word) != changes {
                return Err(EINVAL);
            }
            match word.split_first() {
                Some((b'-', queue)) => links.remove(Name::new(queue)?)?,
                Some((b'+', link)) => {
                    let link = Self::link(link)?;
                    match links.find(link.queue) {
                        Some(present) => present.priority = link.priority,
                        None => links.add(link)?,
                    }
                }
                _ => {
                    let link = Self::link(word)?;
                    if links.find(link.queue).is_some() {
                        return Err(EINVAL);
                    }
                    links.add(link)?;
                }
            }
        }
        Ok(links)
    }

    /// Reads one `queue:priority`.
    fn link(word: &[u8]) -> Result<LinkDesc> {
        let mut parts = word.split(|&c| c == b':');
        let (Some(queue), Some(priority), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(EINVAL);
        };
        Ok(LinkDesc {
            queue: Name::new(queue)?,
            priority: u8::try_from(number(priority, 0, MAX_PRIORITY)?)?,
        })
    }

    fn find(&mut self, queue: Name) -> Option<&mut LinkDesc> {
        self.0.iter_mut().flatten().find(|link| link.queue == queue)
    }

    /// Adds a link to a queue that has none yet; -ENOSPC if there are [`MAX_LINKS`].
    pub(crate) fn add(&mut self, link: LinkDesc) -> Result {
        let free = self.0.iter_mut().find(|slot| slot.is_none());
        *free.ok_or(ENOSPC)? = Some(link);
        Ok(())
    }

    fn remove(&mut self, queue: Name) -> Result {
        let slot = self
            .0
            .iter_mut()
            .find(|slot| slot.is_some_and(|link| link.queue == queue));
        *slot.ok_or(ENOENT)? = None;
        Ok(())
    }

    /// The links.
    pub(crate) fn iter(&self) -> impl Iterator<Item = LinkDesc> + '_ {
        self.0.iter().flatten().copied()
    }
}

/// A value of an attribute, as it is shown.
pub(crate) trait Value {
    /// Writes the value without a line end.
    fn show(&self, out: &mut dyn fmt::Write) -> Result;
}

/// Writes a value and a line end.
pub(crate) fn line(out: &mut dyn fmt::Write, value: impl Value) -> Result {
    value.show(out)?;
    Ok(out.write_str("\n")?)
}

impl Value for u32 {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        Ok(out.write_fmt(fmt!("{}", *self))?)
    }
}

impl Value for u64 {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        Ok(out.write_fmt(fmt!("{}", *self))?)
    }
}

impl Value for i32 {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        Ok(out.write_fmt(fmt!("{}", *self))?)
    }
}

impl Value for bool {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        Ok(out.write_str(if *self { "1" } else { "0" })?)
    }
}

impl Value for &str {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        Ok(out.write_str(self)?)
    }
}

impl Value for Count {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        match self {
            Count::Auto => Ok(out.write_str("auto")?),
            Count::Exact(value) => value.show(out),
        }
    }
}

impl Value for DeviceSel {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        match self {
            DeviceSel::Auto => Ok(out.write_str("auto")?),
            DeviceSel::Named(name) => Ok(out.write_str(name.as_str())?),
        }
    }
}

impl Value for Lifetime {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        Ok(out.write_str(match self {
            Lifetime::Directory => "directory",
            Lifetime::File => "file",
        })?)
    }
}

impl Value for Option<Name> {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        match self {
            Some(name) => Ok(out.write_str(name.as_str())?),
            None => Ok(()),
        }
    }
}

// A class of service.
impl Value for Option<u8> {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        match self {
            Some(class) => u32::from(*class).show(out),
            None => Ok(out.write_str("any")?),
        }
    }
}

impl Value for [u8; 4] {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        let [a, b, c, d] = *self;
        Ok(out.write_fmt(fmt!("{a} {b} {c} {d}"))?)
    }
}

impl Value for Links {
    fn show(&self, out: &mut dyn fmt::Write) -> Result {
        let mut blank = "";
        for link in self.iter() {
            out.write_fmt(fmt!("{}{}:{}", blank, link.queue, link.priority))?;
            blank = " ";
        }
        Ok(())
    }
}

#[kunit_tests(dlb_parse)]
mod tests {
    use super::*;
    use kernel::str::CString;

    fn fails<T>(result: Result<T>, err: Error) -> bool {
        matches!(result, Err(e) if e == err)
    }

    fn links(text: &[u8]) -> Result<Links> {
        Links::default().edit(text)
    }

    fn shown(links: Links, expected: &str) -> Result<bool> {
        let mut buffer = [0u8; 256];
        let mut out = kernel::str::Formatter::new(&mut buffer);
        links.show(&mut out)?;
        let len = out.bytes_written();
        Ok(buffer.get(..len) == Some(expected.as_bytes()))
    }

    #[test]
    fn number_accepts_its_range() -> Result {
        assert_eq!(number(b"0\n", 0, 7)?, 0);
        assert_eq!(number(b" 7 ", 0, 7)?, 7);
        assert_eq!(number(b"007", 0, 7)?, 7);
        assert_eq!(number(b"4294967295", 0, u32::MAX)?, u32::MAX);
        Ok(())
    }

    #[test]
    fn number_refuses_the_rest() -> Result {
        assert!(fails(number(b"8", 0, 7), ERANGE));
        assert!(fails(number(b"0", 1, 7), ERANGE));
        assert!(fails(number(b"-1", 0, 7), ERANGE));
        assert!(fails(number(b"4294967296", 0, u32::MAX), ERANGE));
        assert!(fails(number(b"99999999999999999999", 0, 7), ERANGE));
        for text in [
            &b""[..],
            b"\n",
            b"-",
            b"--1",
            b"+1",
            b"0x1",
            b"1 2",
            b"one",
            b"1\0",
            b"1.5",
        ] {
            assert!(fails(number(text, 0, 7), EINVAL));
        }
        Ok(())
    }

    #[test]
    fn weights_of_an_arbiter() -> Result {
        assert_eq!(arbiter_weights(b"1 2  3\t255\n")?, [1, 2, 3, 255]);
        assert_eq!(arbiter_weights(b"0 0 0 0")?, [0; 4]);
        for text in [&b""[..], b"1 2 3", b"1 2 3 4 5", b"2 1 3 4", b"1,2,3,4"] {
            assert!(fails(arbiter_weights(text), EINVAL));
        }
        assert!(fails(arbiter_weights(b"1 2 3 256"), ERANGE));
        Ok(())
    }

    #[test]
    fn sets_of_numbers() -> Result {
        assert_eq!(sequence_numbers(b"1024\n")?, 1024);
        assert!(fails(sequence_numbers(b"32"), ERANGE));
        assert!(fails(sequence_numbers(b"2048"), ERANGE));
        assert_eq!(slot_size(b"64")?, 64);
        assert!(fails(slot_size(b"0"), ERANGE));
        assert_eq!(percent(b"100")?, 100);
        assert!(fails(percent(b"101"), ERANGE));
        assert!(fails(percent(b"256"), ERANGE));
        assert_eq!(watchdog_seconds(b"40")?, 40);
        assert!(fails(watchdog_seconds(b"20"), ERANGE));
        assert_eq!(lock_id_comp_level(b"65536")?, 65536);
        assert!(fails(lock_id_comp_level(b"8192"), ERANGE));
        assert_eq!(cq_depth(b"1")?, 1);
        assert_eq!(cq_depth(b"1024")?, 1024);
        assert!(fails(cq_depth(b"0"), ERANGE));
        assert!(fails(cq_depth(b"24"), ERANGE));
        assert!(fails(cq_depth(b"2048"), ERANGE));
        Ok(())
    }

    #[test]
    fn words() -> Result {
        assert!(count(b"auto\n", 1, 9)? == Count::Auto);
        assert!(count(b"9\n", 1, 9)? == Count::Exact(9));
        assert!(fails(count(b"Auto", 1, 9), EINVAL));
        assert!(fails(count(b"", 1, 9), EINVAL));
        assert!(class_of_service(b"any\n")?.is_none());
        assert!(class_of_service(b"3")? == Some(3));
        assert!(fails(class_of_service(b"4"), ERANGE));
        assert!(matches!(lifetime(b"file\n")?, Lifetime::File));
        assert!(fails(lifetime(b"files"), EINVAL));
        assert!(matches!(device(b"dlb12\n")?, DeviceSel::Named(_)));
        assert!(fails(device(b"dlb"), EINVAL));
        assert!(fails(device(b"dlb-1"), EINVAL));
        assert!(fails(device(b""), EINVAL));
        assert_eq!(vf_set(b"\n")?, 0);
        assert_eq!(vf_set(b"0,3,15\n")?, 0x8009);
        assert!(fails(vf_set(b"16"), ERANGE));
        assert!(fails(vf_set(b"1,,2"), EINVAL));
        assert!(cq_layout(b"sparse\n")?);
        assert!(!cq_layout(b"packed\n")?);
        assert!(fails(cq_layout(b"1"), EINVAL));
        assert!(reference(b"\n")?.is_none());
        assert!(fails(reference(b"a/b"), EINVAL));
        Ok(())
    }

    #[test]
    fn links_as_a_set() -> Result {
        assert!(shown(links(b"")?, "")?);
        assert!(shown(links(b"a:0 b:7\n")?, "a:0 b:7")?);
        assert!(shown(links(b"a:0")?.edit(b"b:1")?, "b:1")?);
        assert!(fails(links(b"a"), EINVAL));
        assert!(fails(links(b"a:"), EINVAL));
        assert!(fails(links(b":1"), EINVAL));
        assert!(fails(links(b"a:1:2"), EINVAL));
        assert!(fails(links(b"a:1 a:2"), EINVAL));
        assert!(fails(links(b"a:8"), ERANGE));
        assert!(fails(links(b"a:1 +b:2"), EINVAL));
        let full = links(b"a:0 b:0 c:0 d:0 e:0 f:0 g:0 h:0")?;
        assert_eq!(full.iter().count(), MAX_LINKS);
        assert!(fails(full.edit(b"+i:0"), ENOSPC));
        assert!(fails(links(b"a:0 b:0 c:0 d:0 e:0 f:0 g:0 h:0 i:0"), ENOSPC));
        Ok(())
    }

    #[test]
    fn links_as_changes() -> Result {
        let two = links(b"a:0 b:7")?;
        assert!(shown(two.edit(b"+c:3\n")?, "a:0 b:7 c:3")?);
        assert!(shown(two.edit(b"+a:5")?, "a:5 b:7")?);
        assert!(shown(two.edit(b"-a +c:1")?, "c:1 b:7")?);
        assert!(fails(two.edit(b"-c"), ENOENT));
        assert!(fails(two.edit(b"-a:0"), EINVAL));
        assert!(fails(two.edit(b"+c:1 d:1"), EINVAL));
        Ok(())
    }

    #[test]
    fn values_read_back() -> Result {
        let text = CString::try_from_fmt(fmt!("{}", Name::new(b"a.b_c-9")?))?;
        assert_eq!(text.to_bytes(), b"a.b_c-9");
        for bad in [&b""[..], b".a", b"..", b"a b", b"a/b", b"a!b", &[b'x'; 64]] {
            assert!(fails(Name::new(bad), EINVAL));
        }
        Ok(())
    }
}
