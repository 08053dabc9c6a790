package main

import (
	"encoding/binary"

	pb "go.etcd.io/etcd/raft/raftpb"
)

// writer puts what goes to the caller one behind the other.
type writer struct{ bytes []byte }

// The memory of the last answer, for the next: one call at a time holds mu.
var scratch []byte

func newWriter() writer { return writer{bytes: scratch[:0]} }

// done ends an answer; its bytes are valid until the next begins.
func (w *writer) done() []byte {
	if cap(w.bytes) <= 1<<20 {
		scratch = w.bytes
	}
	return w.bytes
}

func (w *writer) flag(value bool) {
	if value {
		w.bytes = append(w.bytes, 1)
	} else {
		w.bytes = append(w.bytes, 0)
	}
}

func (w *writer) u32(value uint32) {
	w.bytes = append(w.bytes, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(w.bytes[len(w.bytes)-4:], value)
}

func (w *writer) u64(value uint64) {
	w.bytes = append(w.bytes, 0, 0, 0, 0, 0, 0, 0, 0)
	binary.LittleEndian.PutUint64(w.bytes[len(w.bytes)-8:], value)
}

func (w *writer) data(bytes []byte) {
	w.u32(uint32(len(bytes)))
	w.bytes = append(w.bytes, bytes...)
}

func (w *writer) ids(ids []uint64) {
	w.u32(uint32(len(ids)))
	for _, id := range ids {
		w.u64(id)
	}
}

func (w *writer) confState(state pb.ConfState) {
	w.ids(state.Voters)
	w.ids(state.Learners)
	w.ids(state.VotersOutgoing)
	w.ids(state.LearnersNext)
	w.flag(state.AutoLeave)
}

func (w *writer) entries(entries []pb.Entry) {
	w.u32(uint32(len(entries)))
	for _, entry := range entries {
		w.u64(entry.Index)
		w.u64(entry.Term)
		w.bytes = append(w.bytes, byte(entry.Type))
		w.data(entry.Data)
	}
}

// Where a descriptor says how many bytes its payload has.
const payloadBytesOffset = 16

// messages: receiver, type, place of the entries in the log, and etcd's own encoding. An append is
// cut where more than payloadBytesMax would stand behind it.
func (w *writer) messages(messages []pb.Message, payloadBytesMax int) {
	var cut []pb.Message
	for _, message := range messages {
		for message.Type == pb.MsgApp {
			count := countWithin(message.Entries, payloadBytesMax)
			if count == len(message.Entries) {
				break
			}
			head := message
			head.Entries = message.Entries[:count]
			cut = append(cut, head)
			last := head.Entries[count-1]
			message.Index, message.LogTerm = last.Index, last.Term
			message.Entries = message.Entries[count:]
		}
		cut = append(cut, message)
	}
	w.u32(uint32(len(cut)))
	for place := range cut {
		w.message(&cut[place])
	}
}

// How many of the first entries have no more than so many bytes of payload; one at least.
func countWithin(entries []pb.Entry, payloadBytesMax int) int {
	total := 0
	for count, entry := range entries {
		if entry.Type == pb.EntryNormal && len(entry.Data) > payloadBytesOffset+4 {
			total += int(binary.LittleEndian.Uint32(entry.Data[payloadBytesOffset:]))
		}
		if total > payloadBytesMax && count > 0 {
			return count
		}
	}
	return len(entries)
}

func (w *writer) message(message *pb.Message) {
	w.u64(message.To)
	w.bytes = append(w.bytes, byte(message.Type))
	if len(message.Entries) > 0 && message.Type == pb.MsgApp {
		w.u64(message.Entries[0].Index)
		w.u32(uint32(len(message.Entries)))
		for _, entry := range message.Entries {
			if entry.Type == pb.EntryNormal {
				w.data(entry.Data)
			} else {
				w.data(nil)
			}
		}
	} else {
		w.u64(0)
		w.u32(0)
	}
	bytes, err := message.Marshal()
	if err != nil {
		panic(err)
	}
	w.data(bytes)
}

// reader takes what comes from the caller apart; isShort when it ended early.
type reader struct {
	bytes   []byte
	isShort bool
}

func (r *reader) take(count int) []byte {
	if r.isShort || count > len(r.bytes) {
		r.isShort = true
		return make([]byte, 8)
	}
	taken := r.bytes[:count:count]
	r.bytes = r.bytes[count:]
	return taken
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) ids() []uint64 {
	count := int(r.u32())
	if count > len(r.bytes)/8 {
		r.isShort = true
		return nil
	}
	var ids []uint64
	for ; count > 0; count-- {
		ids = append(ids, r.u64())
	}
	return ids
}

func (r *reader) confState() pb.ConfState {
	return pb.ConfState{
		Voters: r.ids(), Learners: r.ids(), VotersOutgoing: r.ids(), LearnersNext: r.ids(),
		AutoLeave: r.u8() != 0,
	}
}

func (r *reader) entries() []pb.Entry {
	var entries []pb.Entry
	for count := r.u32(); count > 0 && !r.isShort; count-- {
		entry := pb.Entry{Index: r.u64(), Term: r.u64(), Type: pb.EntryType(r.u8())}
		if length := int(r.u32()); length > 0 {
			entry.Data = r.take(length)
		}
		entries = append(entries, entry)
	}
	return entries
}
