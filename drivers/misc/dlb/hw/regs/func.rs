// SPDX-License-Identifier: GPL-2.0

//! The function BAR: the two ends of the mailboxes and the MSI-X table.

/// What the PF sees of its VFs' mailboxes.
pub mod pf {
    use super::super::*;

    register! {
        unit PfFunc in Func;

        /// Words a VF sent: the request area and the VF's responses. Word 0 does not work (erratum).
        pub PF_VF2PF_MAILBOX(u32)[16, stride = 0x10000][64, stride = 0x4] @ 0x00001000 {
            /// One word of the message.
            31:0 msg;
        }

        /// VFs that rang the doorbell; write 1 to acknowledge. One register seen in all 16 VF pages.
        pub PF_VF2PF_MAILBOX_ISR(u32)[16, stride = 0x10000] @ 0x00001f00 {
            /// Bit n: VF n.
            15:0 vf_isr;
        }

        /// VFs that went through an FLR; write 1 to acknowledge. One register seen in all 16 VF
        /// pages.
        pub PF_VF2PF_FLR_ISR(u32)[16, stride = 0x10000] @ 0x00001f04 {
            /// Bit n: VF n.
            15:0 vf_isr;
        }

        /// Write 1 when this VF has been serviced, so that its next event interrupts again.
        pub PF_VF2PF_ISR_PEND(u32)[16, stride = 0x10000] @ 0x00001f10 {
            /// 1 = interrupts of this source are held back until it is written.
            0:0 isr_pend;
        }

        /// Words for a VF: responses to its requests and the PF's own requests.
        pub PF_PF2VF_MAILBOX(u32)[16, stride = 0x10000][16, stride = 0x4] @ 0x00002000 {
            /// One word of the message.
            31:0 msg;
        }

        /// Write a VF's bit to ring it; reads 1 until the VF acknowledges.
        pub PF_PF2VF_MAILBOX_ISR(u32)[16, stride = 0x10000] @ 0x00002f00 {
            /// Bit n: VF n.
            15:0 vf_isr;
        }

        /// VFs whose FLR is not finished; write 1 to release a VF. One register seen in all 16 VF
        /// pages.
        pub PF_VF_RESET_IN_PROGRESS(u32)[16, stride = 0x10000] @ 0x00003000 = 0xffff {
            /// Bit n: VF n.
            15:0 vf_reset_in_progress;
        }
    }
}

/// The MSI-X table in the PF's function BAR.
pub mod msix {
    use super::super::*;

    register! {
        unit Msix in Func;

        /// Vector control: the last dword of an entry of the MSI-X table.
        pub MSIX_VECTOR_CTRL(u32)[65, stride = 0x10] @ 0x0100000c = 0x1 {
            /// 1 = the vector is masked.
            0:0 vec_mask;
        }
    }
}

/// What a VF sees in its own function BAR.
pub mod vf {
    use super::super::*;

    register! {
        unit VfFunc in Func;

        /// Words for the PF: the request area and the responses. Word 0 does not work (erratum).
        pub VF_VF2PF_MAILBOX(u32)[64, stride = 0x4] @ 0x00001000 {
            /// One word of the message.
            31:0 msg;
        }

        /// Write 1 to ring the PF; reads 1 until the PF acknowledges.
        pub VF_VF2PF_MAILBOX_ISR(u32) @ 0x00001f00 {
            /// 1 = ring; reads 1 until acknowledged.
            0:0 isr;
        }

        /// Words the PF sent.
        pub VF_PF2VF_MAILBOX(u32)[16, stride = 0x4] @ 0x00002000 {
            /// One word of the message.
            31:0 msg;
        }

        /// Write 1 to acknowledge a request of the PF.
        pub VF_PF2VF_MAILBOX_ISR(u32) @ 0x00002f00 {
            /// 1 = a request of the PF waits.
            0:0 pf_isr;
        }

        /// MSI messages not yet serviced, one bit per message; write 1 when done.
        pub VF_VF_MSI_ISR_PEND(u32) @ 0x00002f10 {
            /// 1 = interrupts of this source are held back until it is written.
            31:0 isr_pend;
        }

        /// The PF has not finished this VF's FLR.
        pub VF_VF_RESET_IN_PROGRESS(u32) @ 0x00003000 = 0x1 {
            /// 1 = do not use the device yet.
            0:0 reset_in_progress;
        }

        /// Interrupt sources that fired; write 1 to clear.
        pub VF_VF_MSI_ISR(u32) @ 0x00004000 {
            /// Bits 0..30: CQ vectors; bit 31: the mailbox.
            31:0 vf_msi_isr;
        }

        /// Doorbell of a Scalable-IOV virtual device, trapped by software.
        pub VF_SIOV_MBOX_ISR_TRIGGER(u32) @ 0x00008000 {
            /// 1 = ring.
            0:0 trigger;
        }
    }
}
