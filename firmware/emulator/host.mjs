// A USB host at the controller of rp2040js.

const FROM_DEVICE = 0x80, STALL = 1 << 11, BULK_OUT = 1, BULK_IN = 1;

export class Host {
    constructor(board) {
        this.board = board;
        this.usb = board.chip.usbCtrl;
        this.control = null;                                    // the transfer under way
        this.wanted = 0;                                        // bytes that the device would take
        this.toSend = [];
        this.received = [];
        this.lastPacket = 0;
        this.isReset = false;
        this.usb.onUSBEnabled = () => this.usb.resetDevice();
        this.usb.onResetReceived = () => { this.isReset = true; };
        this.usb.onEndpointWrite = (endpoint, bytes) => endpoint === 0 ? this.controlIn(bytes) : this.bulkIn(bytes);
        this.usb.onEndpointRead = (endpoint, size) => endpoint === 0 ? this.controlOut() : this.bulkOut(size);
    }

    controlIn(bytes) {
        const { control } = this;
        if (!control) return;
        control.bytes.push(...bytes);
        control.over ||= !(control.type & FROM_DEVICE);         // the status stage
    }
    controlOut() {                                              // the status stage of a read
        this.usb.endpointReadDone(0, new Uint8Array(0));
        if (this.control) this.control.over = true;
    }
    bulkIn(bytes) {
        this.received.push(...bytes);
        this.lastPacket = bytes.length;
    }
    bulkOut(size) {
        this.wanted = size;
        this.feed();
    }
    feed() {
        if (!this.wanted || !this.toSend.length) return;
        this.usb.endpointReadDone(BULK_OUT, Uint8Array.from(this.toSend.splice(0, this.wanted)));
        this.wanted = 0;
    }
    stalled(offset) { return (this.board.chip.usbDPRAMView.getUint32(offset, true) & STALL) !== 0; }
    outStalled() { return this.stalled(0x84 + 8 * BULK_OUT); }
    inStalled() { return this.stalled(0x80 + 8 * BULK_IN); }

    // A control transfer without data to the device. @return the bytes, or null if it was refused
    request(type, request, value, index, length) {
        this.control = { type, bytes: [], over: false };
        const setup = [type, request, value & 0xff, value >> 8, index & 0xff, index >> 8, length & 0xff, length >> 8];
        this.usb.sendSetupPacket(Uint8Array.from(setup));
        const refused = () => this.usb.epStallArm & 3;
        this.usb.epStallArm = 0;
        this.board.run(() => this.control.over || refused(), 200, `request ${setup}`);
        const settled = this.board.clock.nanos + 1e5;           // the emulator tells of a packet after what follows it
        this.board.run(() => this.board.clock.nanos > settled, 1, 'a moment');
        const { bytes } = this.control;
        this.control = null;
        return refused() ? null : bytes;
    }
    descriptor(value, length = 255, index = 0) { return this.request(0x80, 6, value, index, length); }
    string(index) {
        const bytes = this.descriptor(0x300 | index, 255, 0x409);
        return String.fromCharCode(...bytes.slice(2).filter((_, n) => n % 2 === 0));
    }
    clearHalt(endpoint) { return this.request(2, 1, 0, endpoint, 0); }
    reset() {
        this.isReset = false;
        this.wanted = 0;
        this.usb.addrEndp = 0;
        this.usb.resetDevice();
    }
    enumerate() {
        this.board.run(() => this.isReset, 1000, 'the device pulls D+ up');
        this.request(0, 5, 1, 0, 0);
        this.board.run(() => this.usb.addrEndp === 1, 10, 'the address is taken');
    }
    configure() { this.request(0, 9, 1, 0, 0); }
    send(bytes) {
        this.toSend.push(...bytes);
        this.feed();
    }
}
