// The image itself, on an emulated pico-ice: it enumerates with the descriptors of the RTL's ROM, configures the FPGA, and moves bytes.
// Usage: node run.mjs IMAGE.uf2 BITSTREAM.uf2 BITSTREAM usb_descriptors.h. Run by make firmware-emulate.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Board } from './board.mjs';
import { Host } from './host.mjs';

const [image, stored, bitstreamFile, header] = process.argv.slice(2);
const bitstream = [...readFileSync(bitstreamFile)];
const rom = Object.fromEntries([...readFileSync(header, 'utf8').matchAll(/usb_descriptor_(\w+)\[\d+\] = {([^}]*)}/g)]
    .map(([, name, bytes]) => [name, bytes.split(',').map(Number)]));

const board = new Board([image, stored]);
const host = new Host(board);
let passed = 0;
function check(what, test) {
    test();
    passed++;
    console.log(`firmware: emulated: ${what} (${(board.clock.nanos / 1e6).toFixed(1)} ms)`);
}

check('enumerates', () => host.enumerate());
check('shows the descriptors of the RTL', () => {
    assert.deepEqual(host.descriptor(0x100, 18), rom.device);
    assert.deepEqual(host.descriptor(0x200), rom.configuration);
    assert.deepEqual(host.descriptor(0xf00), rom.bos);
    assert.deepEqual(host.descriptor(0x300), rom.languages);
    assert.deepEqual(host.descriptor(0x301), rom.manufacturer);
    assert.deepEqual(host.request(0xc0, 0x4d, 0, 7, 255), rom.microsoft);
    assert.match(host.string(3), /^[0-9A-F]{16}$/);
});
check('refuses what is not there', () => {
    assert.equal(host.descriptor(0x304), null);
    assert.equal(host.request(0xc0, 0x57, 1, 2, 255), null);
});
check('configures the FPGA', () => {
    board.run(() => board.fpga.configured > 0, 2000, 'the FPGA is configured');
    assert.deepEqual(board.fpga.received, bitstream);
    board.run(() => host.string(2) === 'Espalier accelerator', 100, 'all is well');
});

let sent = 0;
function sendAndFetch(count) {
    const bytes = Array.from({ length: count }, (_, n) => (n + sent) * 37 + (n >> 8) & 0xff);
    sent += count;
    host.received = [];
    host.send(bytes);
    board.run(() => host.received.length >= bytes.length, 200, 'the bytes come back');
    assert.deepEqual(host.received, bytes);
}
check('moves bytes both ways', () => {
    host.configure();
    sendAndFetch(1000);
});
check('ends a transfer of whole packets with an empty one', () => {
    sendAndFetch(64);
    board.run(() => host.lastPacket < 64, 100, 'a short packet');
});
check('goes on after a halt is cleared that was none', () => {
    host.clearHalt(0x01);
    host.clearHalt(0x81);
    sendAndFetch(200);
});
check('goes on after a reset of the bus', () => {
    host.reset();
    host.enumerate();
    host.configure();
    sendAndFetch(300);
});
check('tells of a stuck line, and halts for as long as it is', () => {
    board.device.mark = 0xff;
    board.run(() => host.outStalled() && host.inStalled(), 100, 'both endpoints halt');
    assert.equal(host.string(2), 'Espalier accelerator (no answer on SPI)');
    host.clearHalt(0x01);
    host.clearHalt(0x81);
    assert(host.outStalled() && host.inStalled());
});
console.log(`${passed} passed, 0 failed`);
