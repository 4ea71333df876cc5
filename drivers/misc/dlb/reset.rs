// SPDX-License-Identifier: GPL-2.0

//! How a device ends, stops and comes back: unbinding, resets, bus errors, sleep.
//!
//! All of these begin in the same way. Nobody can build a domain on the device any more, and the
//! domains that are there end: their files say so, their mappings are taken away, their owners are
//! told. They differ in what becomes of the hardware.

use kernel::{
    device::Core,
    pci,
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

use crate::{
    desc::End,
    device::{
        errno,
        Device,
        Phase,
        State,
        Words, //
    },
    files::{
        Alert,
        AlertKind, //
    },
    glue::{
        pci::{
            self as glue_pci,
            ChannelState,
            Recovery, //
        },
        pm,
        time::now_ms,
        trace, //
    },
    sriov, //
};

/// How often users are looked after that were told to leave, in milliseconds.
const LEAVE_POLL_MS: i64 = 20;

/// Closes a device to new domains.
fn close(device: &Device, phase: Phase) {
    // A domain that is being built is finished first, and ends with the others.
    let _building = device.building.lock();
    device.lock().phase = phase;
}

/// Ends all domains of a device that is closed to new ones.
fn end_all(device: &Device, why: End) {
    loop {
        let live = device
            .lock()
            .domains
            .iter()
            .find(|live| !live.has_ended())
            .cloned();
        match live {
            Some(live) => live.end(why),
            None => break,
        }
    }
}

/// Frees what domains have left behind that could not be emptied. The device must not write memory
/// any more.
fn free_all(device: &Device) {
    loop {
        let mut state = device.lock();
        let Some(live) = state.domains.iter().find(|live| live.has_ended()).cloned() else {
            break;
        };
        live.free();
        state.remove(&live);
    }
}

/// Tells the users of all domains that the device is about to be reset.
fn tell(device: &Device) {
    let state = device.lock();
    for live in state.domains.iter().filter(|live| !live.has_ended()) {
        live.alert(Alert {
            kind: AlertKind::DeviceReset,
            data: 0,
        });
    }
}

/// Gives the users of all domains time to leave.
fn wait_for_users(device: &Device) {
    let patience = crate::reset_timeout_s().saturating_mul(1000);
    let since = now_ms();
    let in_use = |state: &State| {
        state
            .domains
            .iter()
            .any(|live| !live.has_ended() && live.in_use())
    };
    while now_ms().wrapping_sub(since) < patience && in_use(&device.lock()) {
        fsleep(Delta::from_millis(LEAVE_POLL_MS));
    }
}

impl State {
    /// Whether something in the device has to outlast a sleep: domains, or what a domain left that
    /// could not be emptied, of a virtual function perhaps. Waking up is no reset.
    fn is_occupied(&mut self) -> bool {
        let physical = self
            .function
            .as_mut()
            .and_then(|function| function.physical());
        !self.domains.is_empty() || physical.is_some_and(|(pf, _)| pf.is_broken())
    }

    /// Makes the function work after a reset, or after it was without power.
    pub(crate) fn restart(&mut self, dev: &pci::Device<Core<'_>>) -> Result {
        // A reset turns PASID on again.
        glue_pci::disable_pasid(dev)?;
        let function = self.function.as_mut().ok_or(ENODEV)?;
        function.restart().map_err(|err| {
            dev_err!(dev, "the device cannot be initialised: {}\n", Words(&err));
            errno(&err)
        })?;
        self.awake = true;
        self.phase = Phase::Running;
        pm::recovered(dev);
        Ok(())
    }
}

/// The device goes, in order or by surprise.
pub(crate) fn remove(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) {
    Device::withdraw(device);
    close(device, Phase::Gone);
    end_all(device, End::DeviceGone);
    device.retire();

    // A domain that could not be emptied may still be written to.
    if !device.lock().domains.is_empty() {
        glue_pci::clear_master(dev);
        if glue_pci::reset_function(dev).is_err() {
            dev_err!(dev, "{}: cannot be reset\n", device.name);
        }
        glue_pci::clear_master(dev);
        free_all(device);
    }
    let function = device.lock().function.take();
    drop(function);
    trace::device(device.name.as_str(), "unbound", &Ok(()));
}

/// The machine goes down, or another kernel starts: the device must write no memory any more, and
/// there is no time to empty it.
pub(crate) fn shutdown(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) {
    close(device, Phase::Resetting);
    end_all(device, End::DeviceGone);
    glue_pci::clear_master(dev);
    if glue_pci::reset_function(dev).is_err() {
        dev_err!(dev, "{}: cannot be reset\n", device.name);
    }
    glue_pci::clear_master(dev);
}

/// The device is about to be reset.
pub(crate) fn prepare(device: &Arc<Device>) {
    // The PCI core has powered the device up, but not by way of the driver.
    if let Ok(power) = Device::power_up(device) {
        device.lock().reset_power = Some(power);
    }
    // Virtual functions first: they need answers to give up what they have.
    sriov::announce(device);
    tell(device);
    wait_for_users(device);
    close(device, Phase::Resetting);
    end_all(device, End::DeviceReset);
}

/// How a virtual function loses the physical one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PfLoss {
    /// It has said that it is about to be reset, or to go.
    Resets,
    /// It does not answer.
    Silent,
}

/// The physical function is lost and takes this virtual one with it, which cannot be used until it
/// is reset itself. `is_past` says whether it was meanwhile.
pub(crate) fn pf_lost(device: &Device, why: PfLoss, is_past: impl Fn() -> bool) {
    {
        // As in `close`, but not if the device is in another phase already.
        let _building = device.building.lock();
        let mut state = device.lock();
        if is_past() {
            return;
        }
        if state.phase == Phase::Running {
            state.phase = Phase::Failed;
        }
    }
    let dev = device.binding.device();
    let name = &device.name;
    match why {
        PfLoss::Resets => dev_info!(
            dev,
            "{name}: the physical function is about to be reset or to go\n"
        ),
        PfLoss::Silent => dev_err!(
            dev,
            "{name}: the physical function does not answer, reset this one\n"
        ),
    }
    tell(device);
    // A physical function that has said so still answers, so that they can be emptied.
    end_all(device, End::DeviceReset);
}

/// The device was reset.
pub(crate) fn done(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) {
    let (result, power) = {
        let mut state = device.lock();
        let result = state.restart(dev);
        if result.is_err() {
            state.phase = Phase::Failed;
        }
        (result, state.reset_power.take())
    };
    // What was written to until the reset is not any more. The reset of a virtual function is the
    // work of the physical one, so that only its end says so.
    if result.is_ok() {
        free_all(device);
        // What came before the device was set up again has not been served.
        device.alarm_again(0);
    }
    drop(power);
    trace::device(device.name.as_str(), "reset", &result);
    match result {
        Ok(()) => dev_info!(dev, "{}: was reset\n", device.name),
        Err(_) => dev_err!(dev, "{}: does not work after a reset\n", device.name),
    }
}

/// The bus has reported an error.
pub(crate) fn error_detected(
    dev: &pci::Device<Core<'_>>,
    device: &Arc<Device>,
    channel: ChannelState,
) -> Recovery {
    match channel {
        // The device has answered all along.
        ChannelState::Normal => Recovery::CanRecover,
        ChannelState::Frozen => {
            dev_err!(dev, "{}: bus error, resetting\n", device.name);
            trace::device(device.name.as_str(), "bus error", &Err(EIO));
            // Their stores go nowhere already: there is nothing to wait for.
            close(device, Phase::Resetting);
            tell(device);
            end_all(device, End::DeviceReset);
            Recovery::NeedReset
        }
        ChannelState::PermanentFailure => {
            dev_err!(dev, "{}: bus error that lasts\n", device.name);
            close(device, Phase::Resetting);
            tell(device);
            end_all(device, End::DeviceGone);
            // A reset that the user asks for can still help.
            device.lock().phase = Phase::Failed;
            Recovery::Disconnect
        }
    }
}

/// The bus was reset after an error, and the configuration space is restored.
pub(crate) fn slot_reset(dev: &pci::Device<Core<'_>>, device: &Arc<Device>) -> Recovery {
    done(dev, device);
    match device.lock().phase {
        Phase::Running => Recovery::Recovered,
        _ => Recovery::Disconnect,
    }
}

/// The device goes to sleep: because nothing was built on it for a while, or with the machine.
pub(crate) fn suspend(dev: &pci::Device<Core<'_>>, device: &Arc<Device>, system: bool) -> Result {
    if system {
        close(device, Phase::Resetting);
        tell(device);
        end_all(device, End::DeviceReset);
        // Nothing was drained: this makes sure that nothing is written while the machine sleeps.
        glue_pci::clear_master(dev);
    }
    let mut state = device.lock();
    if !system && state.is_occupied() {
        return Err(EBUSY);
    }
    state.awake = false;
    trace::device(device.name.as_str(), "asleep", &Ok(()));
    Ok(())
}

/// The device has power again.
pub(crate) fn resume(dev: &pci::Device<Core<'_>>, device: &Arc<Device>, system: bool) -> Result {
    let mut result = Ok(());
    if system {
        dev.set_master();
        result = glue_pci::reset_function(dev);
    }
    let mut state = device.lock();
    let result = result.and_then(|()| state.restart(dev));
    trace::device(device.name.as_str(), "awake", &result);
    if result.is_err() {
        dev_err!(dev, "{}: does not work after sleep\n", device.name);
        state.phase = Phase::Failed;
    }
    drop(state);
    if system && result.is_ok() {
        free_all(device);
        // As in `done`: a virtual function can be faster.
        device.alarm_again(0);
    }
    result
}
