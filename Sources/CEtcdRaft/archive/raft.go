// Package main is etcd's raft behind a C interface, built as an archive: one consensus core per
// handle, events in, one encoded Ready out. No clock, file or socket in here, and no goroutine but those
// that lend their thread to callers.
//
// The caller is one thread per core; cores are independent of each other. Entry data is whatever
// the caller proposes (descriptors of 32 bytes) and is kept in memory between the compaction index
// and the end of the log. Integers on the wire are little-endian. See etcdraft.h for the calls.
package main

/*
#include <stdint.h>
#include <stdlib.h>

typedef void (*varve_raft_body)(void *);

static inline void varve_raft_call(varve_raft_body body, void *context) { body(context); }
*/
import "C"

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"unsafe"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
	"go.etcd.io/etcd/raft/tracker"
)

const (
	// Bytes of the descriptors in one append message: payloads of 64 KiB and more stand behind each.
	appendBytesMax = 4 << 10
	// Append messages to one peer that are not answered yet.
	inflightMax = 16
	// Of a question for a read index, as it comes from whoever asks.
	readContextBytes = 8
	// Of the runtime's processors, as it calls what a thread must hold to run Go. A thread keeps its
	// own while it is back in C, unless none is left: then the runtime's watchdog takes it away within
	// microseconds, wakes others to look for work, and the thread's next call has to look for one.
	processorsMin = 4
)

func init() {
	if runtime.GOMAXPROCS(0) < processorsMin {
		runtime.GOMAXPROCS(processorsMin)
	}
}

// Results of calls that can refuse.
const (
	errNotLeader  = -1
	errBadMessage = -2
	errPending    = -3
	errNoCore     = -4
	errBroken     = -5
)

// lockedRand has the layout of etcd's own; the package has one for all cores.
type lockedRand struct {
	mu   sync.Mutex
	rand *rand.Rand
}

//go:linkname globalRand go.etcd.io/etcd/raft.globalRand
var globalRand *lockedRand

// configuration is who was in the group from an index of the log on.
type configuration struct {
	index uint64
	state pb.ConfState
}

// storage is etcd's, in memory; it knows who is in the group now, which may be younger than the
// snapshot that the log begins with.
type storage struct {
	*raft.MemoryStorage
	newest configuration
}

func (s *storage) InitialState() (pb.HardState, pb.ConfState, error) {
	hard, _, err := s.MemoryStorage.InitialState()
	return hard, s.newest.state, err
}

// core is one replica of one group.
type core struct {
	node    *raft.RawNode
	storage *storage
	// The Ready that was handed out and not yet advanced, and its messages that wait for the write.
	outstanding *raft.Ready
	late        []pb.Message
	// What the log's writes hold for certain.
	durable pb.HardState
	// Those that are known for certain, newest last; the first is that of the compaction index or older,
	// unless that is not known.
	configurations []configuration
	applied        uint64
	// Rounds of heartbeats that were to confirm a read index.
	readCount uint64
	// The last change proposed here, until it is applied.
	changeIndex uint64
	// Where answers are put; C memory, so that the caller may read it after the call.
	out      unsafe.Pointer
	outBytes int
	// Draws election timeouts of this core alone.
	random *rand.Rand
	// Payload bytes behind one append message; one larger payload goes alone.
	payloadBytesMax int
	isBroken        bool
	// What etcd's raft said when it gave up.
	trouble string
}

var (
	mu    sync.Mutex
	cores = map[uint64]*core{}
	next  uint64
)

// with runs body on a core, one call in the process at a time: etcd's source of randomness is
// shared by all cores, and here it becomes the core's own for the call. A panic of etcd's makes
// the core unusable, not the process.
func with(handle C.uint64_t, body func(c *core) int64) (result C.int64_t) {
	mu.Lock()
	defer mu.Unlock()
	c := cores[uint64(handle)]
	if c == nil {
		return errNoCore
	}
	if c.isBroken {
		return errBroken
	}
	defer func() {
		if trouble := recover(); trouble != nil {
			c.isBroken = true
			c.trouble = fmt.Sprint(trouble)
			result = errBroken
		}
	}()
	globalRand.rand = c.random
	return C.int64_t(body(c))
}

// quiet is a logger that says nothing: what matters is in the status. Panics stay panics.
type quiet struct{}

func (quiet) Debug(v ...interface{})                   {}
func (quiet) Debugf(format string, v ...interface{})   {}
func (quiet) Error(v ...interface{})                   {}
func (quiet) Errorf(format string, v ...interface{})   {}
func (quiet) Info(v ...interface{})                    {}
func (quiet) Infof(format string, v ...interface{})    {}
func (quiet) Warning(v ...interface{})                 {}
func (quiet) Warningf(format string, v ...interface{}) {}
func (quiet) Fatal(v ...interface{})                   { panic(v) }
func (quiet) Fatalf(format string, v ...interface{})   { panic(fmt.Sprintf(format, v...)) }
func (quiet) Panic(v ...interface{})                   { panic(v) }
func (quiet) Panicf(format string, v ...interface{})   { panic(fmt.Sprintf(format, v...)) }

// The runtime makes any other thread its own for each call and lets go of it again, which takes six
// system calls; the thread that it has made itself is its own already.
//
//export varve_raft_attached
func varve_raft_attached(body C.varve_raft_body, context unsafe.Pointer) {
	done := make(chan struct{})
	go func() {
		// Never unlocked: the thread ends with the body.
		runtime.LockOSThread()
		C.varve_raft_call(body, context)
		close(done)
	}()
	<-done
}

//export varve_raft_open
func varve_raft_open(
	id, seed C.uint64_t, electionTicks, heartbeatTicks C.int32_t, payloadBytesMax C.int64_t,
	state *C.uint8_t, length C.int64_t,
) C.uint64_t {
	in := reader{bytes: C.GoBytes(unsafe.Pointer(state), C.int(length))}
	hard := pb.HardState{Term: in.u64(), Vote: in.u64(), Commit: in.u64()}
	applied := in.u64()
	snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: in.u64(), Term: in.u64()}}
	snapshot.Metadata.ConfState = in.confState()
	var configurations []configuration
	for count := in.u64(); count > 0 && !in.isShort; count-- {
		configurations = append(configurations, configuration{in.u64(), in.confState()})
	}
	entries := in.entries()
	// A group begins behind a first image: a log from 1 on would let a newcomer apply changes of
	// membership without knowing who was there before, and vote for itself alone.
	if in.isShort || snapshot.Metadata.Index == 0 {
		return 0
	}
	mu.Lock()
	defer mu.Unlock()
	c := &core{
		storage: &storage{MemoryStorage: raft.NewMemoryStorage()}, durable: hard, applied: applied,
		random: rand.New(rand.NewSource(int64(seed))), payloadBytesMax: int(payloadBytesMax),
	}
	defer func() {
		// What can not be opened is no core.
		_ = recover()
	}()
	globalRand.rand = c.random
	if len(configurations) == 0 {
		configurations = []configuration{{snapshot.Metadata.Index, snapshot.Metadata.ConfState}}
	}
	c.configurations = configurations
	c.storage.newest = configurations[len(configurations)-1]
	if c.storage.ApplySnapshot(snapshot) != nil {
		return 0
	}
	c.storage.SetHardState(hard)
	if c.storage.Append(entries) != nil {
		return 0
	}
	node, err := raft.NewRawNode(&raft.Config{
		ID: uint64(id), ElectionTick: int(electionTicks), HeartbeatTick: int(heartbeatTicks),
		Storage: c.storage, Applied: applied, MaxSizePerMsg: appendBytesMax,
		MaxInflightMsgs: inflightMax, CheckQuorum: true, PreVote: true, Logger: quiet{},
	})
	if err != nil {
		return 0
	}
	c.node = node
	next++
	cores[next] = c
	return C.uint64_t(next)
}

//export varve_raft_close
func varve_raft_close(handle C.uint64_t) {
	mu.Lock()
	defer mu.Unlock()
	if c := cores[uint64(handle)]; c != nil {
		C.free(c.out)
		delete(cores, uint64(handle))
	}
}

//export varve_raft_step
func varve_raft_step(handle C.uint64_t, bytes *C.uint8_t, length C.int64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		var message pb.Message
		if message.Unmarshal(C.GoBytes(unsafe.Pointer(bytes), C.int(length))) != nil {
			return errBadMessage
		}
		if message.Type == pb.MsgReadIndex || message.Type == pb.MsgReadIndexResp {
			if len(message.Entries) != 1 || len(message.Entries[0].Data) < readContextBytes {
				return errBadMessage
			}
		}
		if (message.Type == pb.MsgVote || message.Type == pb.MsgPreVote) && c.hasForgotten() {
			return 0
		}
		if message.Type == pb.MsgReadIndex {
			if c.leadsSomebodyElse() {
				return 0
			}
			message.Entries[0].Data = c.round(message.Entries[0].Data)
		}
		if c.node.Step(message) == raft.ErrStepLocalMsg {
			return errBadMessage
		}
		// Other refusals are answers to what is outdated: nothing for the caller to do.
		return 0
	})
}

//export varve_raft_step_image
func varve_raft_step_image(
	handle C.uint64_t, bytes *C.uint8_t, length C.int64_t, image *C.uint8_t, imageLength C.int64_t,
) C.int64_t {
	return with(handle, func(c *core) int64 {
		var message pb.Message
		if message.Unmarshal(C.GoBytes(unsafe.Pointer(bytes), C.int(length))) != nil {
			return errBadMessage
		}
		in := reader{bytes: C.GoBytes(unsafe.Pointer(image), C.int(imageLength))}
		metadata := pb.SnapshotMetadata{Index: in.u64(), Term: in.u64()}
		metadata.ConfState = in.confState()
		// Older than what the leader spoke of would leave a gap behind it.
		if in.isShort || message.Type != pb.MsgSnap ||
			metadata.Index < message.Snapshot.Metadata.Index {
			return errBadMessage
		}
		message.Snapshot.Metadata = metadata
		_ = c.node.Step(message)
		return 0
	})
}

//export varve_raft_image_at
func varve_raft_image_at(handle C.uint64_t, index C.uint64_t, out **C.uint8_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		var known *configuration
		for place := range c.configurations {
			if c.configurations[place].index <= uint64(index) {
				known = &c.configurations[place]
			}
		}
		if known == nil || uint64(index) > c.applied {
			return 0
		}
		term, err := c.storage.Term(uint64(index))
		if err != nil {
			return 0
		}
		w := newWriter()
		w.u64(uint64(index))
		w.u64(term)
		w.confState(known.state)
		return c.answer(w.done(), out)
	})
}

//export varve_raft_tick
func varve_raft_tick(handle C.uint64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		// etcd 3.4 would campaign with a snapshot that is not installed.
		if c.outstanding == nil || raft.IsEmptySnap(c.outstanding.Snapshot) {
			c.node.Tick()
		}
		return 0
	})
}

//export varve_raft_campaign
func varve_raft_campaign(handle C.uint64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		if c.outstanding == nil || raft.IsEmptySnap(c.outstanding.Snapshot) {
			_ = c.node.Campaign()
		}
		return 0
	})
}

//export varve_raft_propose
func varve_raft_propose(handle C.uint64_t, data *C.uint8_t, size, count C.int32_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		if c.node.BasicStatus().RaftState != raft.StateLeader {
			return errNotLeader
		}
		bytes := C.GoBytes(unsafe.Pointer(data), C.int(size*count))
		for len(bytes) > 0 {
			if c.node.Propose(bytes[:size:size]) != nil {
				return errNotLeader
			}
			bytes = bytes[size:]
		}
		return 0
	})
}

//export varve_raft_change
func varve_raft_change(handle C.uint64_t, changes *C.uint8_t, length C.int64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		in := reader{bytes: C.GoBytes(unsafe.Pointer(changes), C.int(length))}
		var change pb.ConfChangeV2
		for count := in.u32(); count > 0 && !in.isShort; count-- {
			change.Changes = append(change.Changes, pb.ConfChangeSingle{
				Type: pb.ConfChangeType(in.u8()), NodeID: in.u64(),
			})
		}
		if in.isShort {
			return errBadMessage
		}
		if c.node.BasicStatus().RaftState != raft.StateLeader {
			return errNotLeader
		}
		if c.changeIndex > c.applied {
			return errPending
		}
		before := c.lastIndex()
		if c.node.ProposeConfChange(change) != nil {
			return errNotLeader
		}
		c.changeIndex = before + 1
		return 0
	})
}

//export varve_raft_read_index
func varve_raft_read_index(handle C.uint64_t, context C.uint64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		if c.leadsSomebodyElse() {
			return 0
		}
		var bytes [readContextBytes]byte
		binary.LittleEndian.PutUint64(bytes[:], uint64(context))
		c.node.ReadIndex(c.round(bytes[:]))
		return 0
	})
}

// round makes the context of a question one of this leader's own. etcd takes a heartbeat's answer for a
// word to whatever question has its context now, and to all that came before that one: where two nodes ask
// with the same, or one asks twice, an answer from before this leader was deposed would confirm a question
// from after. Whoever asked reads the first bytes only.
func (c *core) round(context []byte) []byte {
	if len(context) != readContextBytes || c.node.BasicStatus().RaftState != raft.StateLeader {
		return context
	}
	c.readCount++
	return binary.LittleEndian.AppendUint64(append([]byte(nil), context...), c.readCount)
}

// hasForgotten is whether this replica's log was given up and nothing has come in its place: then it begins
// with an entry of term 0. It had a part in entries that it knows nothing of, and a candidate that does not
// know that it has left the group may count on its vote.
func (c *core) hasForgotten() bool {
	last, err := c.storage.LastIndex()
	if err != nil {
		panic(err)
	}
	term, err := c.storage.Term(last)
	return err == nil && term == 0
}

// leadsSomebodyElse is whether this core leads a group of one voter that is another: it came to lead
// before it knew that it had lost its vote. Where there is one voter etcd answers a question of the leader
// without asking anybody, and that one may lead by now.
func (c *core) leadsSomebodyElse() bool {
	voters := c.storage.newest.state.Voters
	if len(voters) != 1 {
		return false
	}
	status := c.node.BasicStatus()
	return status.RaftState == raft.StateLeader && voters[0] != status.ID
}

//export varve_raft_transfer
func varve_raft_transfer(handle C.uint64_t, to C.uint64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		if c.node.BasicStatus().RaftState != raft.StateLeader {
			return errNotLeader
		}
		c.node.TransferLeader(uint64(to))
		return 0
	})
}

//export varve_raft_unreachable
func varve_raft_unreachable(handle C.uint64_t, peer C.uint64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		c.node.ReportUnreachable(uint64(peer))
		return 0
	})
}

//export varve_raft_image_sent
func varve_raft_image_sent(handle C.uint64_t, peer C.uint64_t, isTaken C.int32_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		status := raft.SnapshotFailure
		if isTaken != 0 {
			status = raft.SnapshotFinish
		}
		c.node.ReportSnapshot(uint64(peer), status)
		return 0
	})
}

//export varve_raft_compact
func varve_raft_compact(handle C.uint64_t, index C.uint64_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		through := uint64(index)
		if through > c.applied {
			through = c.applied
		}
		first, _ := c.storage.FirstIndex()
		if through < first {
			return 0
		}
		state := c.configurations[0].state
		kept := 0
		for place, known := range c.configurations {
			if known.index <= through {
				state = known.state
				kept = place
			}
		}
		c.configurations = append([]configuration{}, c.configurations[kept:]...)
		// Where an image would begin that is sent from now on.
		if _, err := c.storage.CreateSnapshot(through, &state, nil); err != nil {
			panic(err)
		}
		if err := c.storage.Compact(through); err != nil {
			panic(err)
		}
		return 0
	})
}

//export varve_raft_ready
func varve_raft_ready(handle C.uint64_t, out **C.uint8_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		if c.outstanding != nil || !c.node.HasReady() {
			return 0
		}
		ready := c.node.Ready()
		c.outstanding = &ready
		isHardStateNew := !raft.IsEmptyHardState(ready.HardState) &&
			(ready.HardState.Term != c.durable.Term || ready.HardState.Vote != c.durable.Vote)
		isLeader := c.node.BasicStatus().RaftState == raft.StateLeader
		// A leader may send what it has not written yet, others may not; nor may it itself before
		// its term is written: after a crash it could lead in that term again with another log.
		var early []pb.Message
		c.late = nil
		for _, message := range ready.Messages {
			if isLeader && !isHardStateNew && leavesEarly(message.Type) {
				early = append(early, message)
			} else {
				c.late = append(c.late, message)
			}
		}
		w := newWriter()
		w.flag(isHardStateNew)
		if isHardStateNew {
			w.u64(ready.HardState.Term)
			w.u64(ready.HardState.Vote)
		}
		w.flag(!raft.IsEmptySnap(ready.Snapshot))
		if !raft.IsEmptySnap(ready.Snapshot) {
			w.u64(ready.Snapshot.Metadata.Index)
			w.u64(ready.Snapshot.Metadata.Term)
			w.confState(ready.Snapshot.Metadata.ConfState)
			w.data(ready.Snapshot.Data)
		}
		w.entries(ready.Entries)
		w.messages(early, c.payloadBytesMax)
		w.flag(ready.SoftState != nil)
		if ready.SoftState != nil {
			w.u64(ready.SoftState.Lead)
			w.flag(ready.SoftState.RaftState == raft.StateLeader)
		}
		w.u32(uint32(len(ready.ReadStates)))
		for _, read := range ready.ReadStates {
			w.u64(binary.LittleEndian.Uint64(read.RequestCtx))
			w.u64(read.Index)
		}
		return c.answer(w.done(), out)
	})
}

//export varve_raft_persisted
func varve_raft_persisted(handle C.uint64_t, out **C.uint8_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		ready := c.outstanding
		if ready == nil {
			return errBadMessage
		}
		if !raft.IsEmptySnap(ready.Snapshot) {
			if err := c.storage.ApplySnapshot(ready.Snapshot); err != nil {
				panic(err)
			}
			meta := ready.Snapshot.Metadata
			c.storage.newest = configuration{meta.Index, meta.ConfState}
			c.configurations = []configuration{c.storage.newest}
			c.applied = meta.Index
		}
		if err := c.storage.Append(ready.Entries); err != nil {
			panic(err)
		}
		if !raft.IsEmptyHardState(ready.HardState) {
			c.storage.SetHardState(ready.HardState)
			c.durable = ready.HardState
		}
		isChanged := false
		for _, entry := range ready.CommittedEntries {
			c.applied = entry.Index
			var state *pb.ConfState
			switch entry.Type {
			case pb.EntryConfChange:
				var change pb.ConfChange
				if err := change.Unmarshal(entry.Data); err != nil {
					panic(err)
				}
				state = c.node.ApplyConfChange(change)
			case pb.EntryConfChangeV2:
				var change pb.ConfChangeV2
				if err := change.Unmarshal(entry.Data); err != nil {
					panic(err)
				}
				// etcd 3.4 proposes to leave a joint configuration again with every commit
				// until it has left; what comes after the first has nothing to leave. The same
				// on every replica, since who is in the group follows from the log.
				isLeft := change.LeaveJoint() && len(c.storage.newest.state.VotersOutgoing) == 0
				if !isLeft {
					state = c.node.ApplyConfChange(change)
				}
			}
			if state != nil {
				isChanged = true
				c.storage.newest = configuration{entry.Index, *state}
				c.configurations = append(c.configurations, c.storage.newest)
			}
		}
		c.node.Advance(*ready)
		c.outstanding = nil
		w := newWriter()
		w.messages(c.late, c.payloadBytesMax)
		w.entries(ready.CommittedEntries)
		w.flag(isChanged)
		if isChanged {
			w.u64(c.storage.newest.index)
			w.confState(c.storage.newest.state)
		}
		c.late = nil
		return c.answer(w.done(), out)
	})
}

//export varve_raft_trouble
func varve_raft_trouble(handle C.uint64_t, out **C.uint8_t) C.int64_t {
	mu.Lock()
	defer mu.Unlock()
	c := cores[uint64(handle)]
	if c == nil {
		return errNoCore
	}
	return C.int64_t(c.answer([]byte(c.trouble), out))
}

//export varve_raft_status
func varve_raft_status(handle C.uint64_t, out **C.uint8_t) C.int64_t {
	return with(handle, func(c *core) int64 {
		status := c.node.BasicStatus()
		first, _ := c.storage.FirstIndex()
		w := newWriter()
		w.u64(status.HardState.Term)
		w.u64(status.HardState.Vote)
		w.u64(status.HardState.Commit)
		w.u64(status.Lead)
		w.flag(status.RaftState == raft.StateLeader)
		w.u64(first)
		w.u64(c.lastIndex())
		w.u64(status.LeadTransferee)
		w.u64(c.storage.newest.index)
		w.confState(c.storage.newest.state)
		var peers writer
		count := uint32(0)
		if status.RaftState == raft.StateLeader {
			c.node.WithProgress(func(id uint64, kind raft.ProgressType, p tracker.Progress) {
				count++
				peers.u64(id)
				peers.u64(p.Match)
				peers.flag(kind == raft.ProgressTypeLearner)
				peers.flag(p.RecentActive)
				peers.flag(p.State == tracker.StateSnapshot)
			})
		}
		w.u32(count)
		w.bytes = append(w.bytes, peers.bytes...)
		return c.answer(w.done(), out)
	})
}

// leavesEarly: what a leader says on the strength of what it wrote before.
func leavesEarly(kind pb.MessageType) bool {
	switch kind {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap, pb.MsgTimeoutNow:
		return true
	}
	return false
}

func (c *core) lastIndex() uint64 {
	if c.outstanding != nil || c.node.HasReady() {
		// Entries that are not in the storage yet count too.
		last := uint64(0)
		c.node.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
			if id == c.node.BasicStatus().ID && p.Match > last {
				last = p.Match
			}
		})
		if last > 0 && c.node.BasicStatus().RaftState == raft.StateLeader {
			return last
		}
	}
	last, _ := c.storage.LastIndex()
	return last
}

// answer copies bytes to where the caller may read them until the next call on this core.
func (c *core) answer(bytes []byte, out **C.uint8_t) int64 {
	if len(bytes) > c.outBytes {
		C.free(c.out)
		c.outBytes = 2 * len(bytes)
		c.out = C.malloc(C.size_t(c.outBytes))
	}
	copy(unsafe.Slice((*byte)(c.out), len(bytes)), bytes)
	*out = (*C.uint8_t)(c.out)
	return int64(len(bytes))
}

func main() {}
