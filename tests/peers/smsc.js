// An SMSC, npm's smpp, that does what it is told, and writes down every PDU that it got, one JSON object a line.
//
// Orders are lines of JSON in a file: {"set": {…}} changes how it behaves, {"cut": true} breaks all connections, {"deliver": {…}} sends a
// deliver_sm over one of them, {"release": true} answers what was held, {"unbind": true} unbinds, {"raw": "hex"} writes bytes. Each is
// written down when it has been carried out.

'use strict';

const fs = require('fs');
const smpp = require('smpp');

const [port, log, orders, certificate, key] = process.argv.slice(2);

const settings = {
    bind_status: 0,      // status of the answer to binds
    submit_status: 0,    // status of the answer to submits
    statuses: {},        // the same by destination
    throttle: 0,         // so many submits are answered with ESME_RTHROTTLED
    tps: 0,              // and those that are more in a second
    delay: 0,            // ms before a submit is answered
    silent: false,       // submits are not answered
    hold: false,         // nor are these, until they are released
    deaf: false,         // enquire_links are not answered
    cut_after: 0,        // the connection breaks at this submit, before it is answered
    nack: false,         // submits are answered with generic_nack
    ids: 'number',       // ids of parts: 'number', 'hex', 'none'
    first_id: 1,         // the next id
    receipt: '',         // when one is sent: 'before' the answer, 'after' it, '' never
    receipt_over: 'same', // which connection: 'same', 'other'
    receipt_form: 'text', // 'text', 'tlv'
    receipt_ids: 'same', // 'same', 'hex', 'decimal', and with zeros in front and other letters: 'HEX', 'DECIMAL'
    receipt_state: 'DELIVRD',
    receipt_states: {},  // the same by destination
    packed: false,       // texts of the default alphabet are packed septets
};

const sessions = [];
const held = [];
let count = 0;
let arrived = [];

function note(event, details) {
    fs.appendFileSync(log, JSON.stringify({ event, ...details }) + '\n');
}

// Septets packed behind a header of so many octets: they begin at the next multiple of seven bits.
function unpacked(octets, header) {
    const bits = [...octets].flatMap((octet) => [...octet.toString(2).padStart(8, '0')].reverse());
    const spare = (7 - ((header * 8) % 7)) % 7;
    const septets = [];
    for (let at = spare; at + 7 <= bits.length; at += 7) {
        septets.push(parseInt(bits.slice(at, at + 7).reverse().join(''), 2));
    }
    // A carriage return fills up seven bits that nothing was left for.
    if ((bits.length - spare) % 7 === 0 && septets[septets.length - 1] === 13) {
        septets.pop();
    }
    return smpp.encodings.ASCII.decode(Buffer.from(septets));
}

// Left as it is by the packet's own decoder, which knows septets one in an octet only.
smpp.encodings.PACKED = { decode: (octets) => octets };

function plain(pdu) {
    const found = {};
    for (const [name, value] of Object.entries(pdu)) {
        if (name === 'short_message' || name === 'message_payload') {
            let content = value && value.message !== undefined ? value.message : value;
            if (settings.packed && pdu.data_coding === 0 && Buffer.isBuffer(content)) {
                const header = (value.udh || []).reduce((length, element) => length + element.length, value.udh ? 1 : 0);
                content = unpacked(content, header);
            }
            found[name] = Buffer.isBuffer(content) ? content.toString('hex') : content;
            if (value && value.udh) {
                found.udh = value.udh.map((element) => element.toString('hex'));
            }
        } else if (Buffer.isBuffer(value)) {
            found[name] = value.toString('hex');
        } else {
            found[name] = value;
        }
    }
    return found;
}

function newId() {
    const id = settings.first_id++;
    return { number: String(id), hex: id.toString(16).toUpperCase(), none: '' }[settings.ids];
}

function respelt(id) {
    const [hex, decimal] = [Number(id).toString(16), String(parseInt(id, 16))];
    const spelled = { same: id, hex, decimal, HEX: hex.toUpperCase().padStart(12, '0'), DECIMAL: decimal.padStart(12, '0') };
    return spelled[settings.receipt_ids];
}

const STATES = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, DELETED: 4, UNDELIV: 5, ACCEPTD: 6, UNKNOWN: 7, REJECTD: 8 };

function sendReceipt(session, pdu, id) {
    const other = sessions.find((one) => one !== session && one.receives);
    const over = settings.receipt_over === 'other' && other ? other : session;
    const addresses = { source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4 };
    const stat = settings.receipt_states[pdu.destination_addr] || settings.receipt_state;
    if (settings.receipt_form === 'tlv') {
        const state = STATES[stat];
        over.deliver_sm({ ...addresses, receipted_message_id: respelt(id), message_state: state, short_message: '' });
        return;
    }
    const text = pdu.short_message && pdu.short_message.message;
    over.deliver_sm({
        ...addresses,
        short_message: `id:${respelt(id)} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 `
            + `stat:${stat} err:000 text:${String(text).slice(0, 20)}`,
    });
}

function answer(session, pdu) {
    if (settings.silent) {
        return;
    }
    const now = Date.now();
    arrived = arrived.filter((at) => at > now - 1000);
    if (settings.throttle > 0 || (settings.tps > 0 && arrived.length >= settings.tps)) {
        settings.throttle = Math.max(0, settings.throttle - 1);
        note('throttled', {});
        session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
        return;
    }
    arrived.push(now);
    const status = settings.statuses[pdu.destination_addr] || settings.submit_status;
    if (settings.nack) {
        session.send(new smpp.PDU('generic_nack', {
            sequence_number: pdu.sequence_number, command_status: smpp.ESME_RINVCMDLEN,
        }));
        return;
    }
    if (status) {
        session.send(pdu.response({ command_status: status }));
        return;
    }
    const id = newId();
    const wants = pdu.registered_delivery !== 0;
    if (wants && settings.receipt === 'before') {
        sendReceipt(session, pdu, id);
    }
    note('accepted', { id, destination_addr: pdu.destination_addr });
    session.send(pdu.response({ message_id: id }));
    if (wants && settings.receipt === 'after') {
        sendReceipt(session, pdu, id);
    }
}

function serve(session) {
    session.number = ++count;
    sessions.push(session);
    note('connected', { session: session.number });
    session.on('pdu', (pdu) => note(pdu.command, { session: session.number, ...plain(pdu) }));
    session.on('error', (error) => note('error', { session: session.number, error: String(error) }));
    session.on('close', () => {
        sessions.splice(sessions.indexOf(session), 1);
        note('closed', { session: session.number });
    });
    for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
        session.on(kind, (pdu) => {
            session.receives = kind !== 'bind_transmitter' && settings.bind_status === 0;
            session.send(pdu.response({ command_status: settings.bind_status, system_id: 'peer' }));
        });
    }
    session.on('enquire_link', (pdu) => {
        if (!settings.deaf) {
            session.send(pdu.response());
        }
    });
    session.on('unbind', (pdu) => {
        session.send(pdu.response());
        session.close();
    });
    session.on('submit_sm', (pdu) => {
        if (settings.cut_after > 0 && --settings.cut_after === 0) {
            session.destroy();
            return;
        }
        if (settings.hold) {
            held.push(() => answer(session, pdu));
        } else if (settings.delay > 0) {
            setTimeout(() => answer(session, pdu), settings.delay);
        } else {
            answer(session, pdu);
        }
    });
}

function carryOut(order) {
    Object.assign(settings, order.set);
    smpp.encodings.default = settings.packed ? 'PACKED' : 'ASCII';
    const receiver = sessions.find((session) => session.receives);
    if (order.cut) {
        sessions.slice().forEach((session) => session.destroy());
    }
    if (order.deliver) {
        const { udh, ...parameters } = order.deliver;
        if (udh) {
            const message = parameters.short_message;
            parameters.esm_class = 0x40;
            parameters.short_message = { udh: Buffer.from(udh, 'hex'), message };
        }
        receiver.deliver_sm(parameters);
    }
    if (order.release) {
        held.splice(0).forEach((release) => release());
    }
    if (order.unbind) {
        receiver.unbind();
    }
    if (order.raw) {
        receiver.socket.write(Buffer.from(order.raw, 'hex'));
    }
    note('ordered', {});
}

let done = 0;
setInterval(() => {
    const lines = fs.existsSync(orders) ? fs.readFileSync(orders, 'utf8').split('\n').slice(0, -1) : [];
    for (; done < lines.length; done++) {
        carryOut(JSON.parse(lines[done]));
    }
}, 10);

const tls = certificate ? { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) } : {};
const server = smpp.createServer(tls, serve);
// A connection that breaks while TLS begins is none of its concern.
server.on('tlsClientError', () => {});
server.listen(Number(port), process.env.LISTEN || '127.0.0.1');
