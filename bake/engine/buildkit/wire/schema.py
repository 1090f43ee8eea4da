"""The messages of BuildKit's API that bake uses, field by field: a .proto in short.

One message a block, `Name` and then lines `number name type`; a trailing `*` repeats, `A>B` is a map, `a|b` after the
type names the oneof. Numbers are the contract, names are ours; a Definition that we send is given as bytes, which come
to the same, since `llb` has put it together by then. Source: reference/buildkit-grpc.md and moby/buildkit's
solver/pb/ops.proto, api/services/control/control.proto.
"""

SCHEMA = """
Platform
 1 arch string
 2 os string
 3 variant string
Input
 1 digest string
 2 index int64
Op
 1 inputs Input*
 2 exec ExecOp
 3 source SourceOp
 4 file FileOp
 6 merge MergeOp
 10 platform Platform
 11 constraints Constraints
Constraints
 1 filter string*
SourceOp
 1 identifier string
 2 attrs string>string
MergeOp
 1 inputs MergeInput*
MergeInput
 1 input int64
ExecOp
 1 meta Meta
 2 mounts Mount*
 3 network int32
 4 security int32
 5 secretenv SecretEnv*
Meta
 1 args string*
 2 env string*
 3 cwd string
 4 user string
 5 proxy ProxyEnv
 6 hosts HostIP*
 7 hostname string
 9 ulimits Ulimit*
 11 clean_mount_points bool
ProxyEnv
 1 http string
 2 https string
 3 ftp string
 4 no string
 5 all string
HostIP
 1 host string
 2 ip string
Ulimit
 1 name string
 2 soft int64
 3 hard int64
SecretEnv
 1 id string
 2 name string
 3 optional bool
Mount
 1 input int64
 2 selector string
 3 dest string
 4 output int64
 5 readonly bool
 6 type int32
 19 tmpfs TmpfsOpt
 20 cache CacheOpt
 21 secret SecretOpt
 22 ssh SecretOpt
TmpfsOpt
 1 size int64
CacheOpt
 1 id string
 2 sharing int32
SecretOpt
 1 id string
 2 uid uint32
 3 gid uint32
 4 mode uint32
 5 optional bool
FileOp
 2 actions FileAction*
FileAction
 1 input int64
 2 secondary int64
 3 output int64
 4 copy CopyFile
 5 mkfile MakeFile
 6 mkdir MakeDir
CopyFile
 1 src string
 2 dest string
 3 owner ChownOpt
 4 mode int32
 5 follow bool
 6 contents bool
 7 unpack bool
 8 mkdest bool
 9 wildcard bool
 10 empty_ok bool
 11 timestamp int64
 12 include string*
 13 exclude string*
 14 replace bool
 15 mode_text string
MakeFile
 1 path string
 2 mode int32
 3 data bytes
 4 owner ChownOpt
 5 timestamp int64
MakeDir
 1 path string
 2 mode int32
 3 parents bool
 4 owner ChownOpt
 5 timestamp int64
ChownOpt
 1 user UserOpt
 2 group UserOpt
UserOpt
 1 by_name NamedUser user
 2 by_id uint32 user
NamedUser
 1 name string
 2 input int64
OpMetadata
 1 ignore_cache bool
 2 description string>string
 5 caps string>bool
Definition
 1 defs bytes*
 2 metadata string>OpMetadata
DiskUsageRequest
 1 filter string*
DiskUsageResponse
 1 records UsageRecord*
UsageRecord
 1 id string
 2 mutable bool
 3 in_use bool
 4 size int64
SolveRequest
 1 ref string
 2 definition bytes
 3 exporter string
 4 exporter_attrs string>string
 5 session string
 6 frontend string
 7 frontend_attrs string>string
 8 cache CacheOptions
 9 entitlements string*
 11 internal bool
CacheOptions
 4 exports CacheEntry*
 5 imports CacheEntry*
CacheEntry
 1 type string
 2 attrs string>string
SolveResponse
 1 exporter string>string
StatusRequest
 1 ref string
StatusResponse
 1 vertexes Vertex*
 2 statuses VertexStatus*
 3 logs VertexLog*
Vertex
 1 digest string
 2 inputs string*
 3 name string
 4 cached bool
 5 started Timestamp
 6 completed Timestamp
 7 error string
VertexStatus
 1 id string
 2 vertex string
 3 name string
 4 current int64
 5 total int64
VertexLog
 1 vertex string
 2 time Timestamp
 3 stream int64
 4 msg bytes
Timestamp
 1 seconds int64
 2 nanos int32
Empty
InfoResponse
 1 version Version
Version
 1 package string
 2 version string
 3 revision string
ListWorkersRequest
 1 filter string*
ListWorkersResponse
 1 workers Worker*
Worker
 1 id string
 2 labels string>string
 3 platforms Platform*
Bytes
 1 data bytes
Pong
 1 frontend_caps Cap*
 2 llb_caps Cap*
Cap
 1 id string
 2 enabled bool
BridgeRequest
 1 definition bytes
 2 frontend string
 3 options string>string
 5 allow_result_return bool
 6 allow_result_array_ref bool
 13 inputs string>bytes
 14 evaluate bool
BridgeResponse
 1 ref string
 3 result BridgeResult
BridgeResult
 3 ref BridgeRef result
 4 refs BridgeRefs result
 10 metadata string>bytes
BridgeRefs
 1 refs string>BridgeRef
BridgeRef
 1 id string
 2 definition Definition
ReturnRequest
 1 result Empty
 2 error Status
Status
 1 code int32
 2 message string
 3 details Any*
Any
 1 type_url string
 2 value bytes
Packet
 1 type int32
 2 stat Stat
 3 id uint32
 4 data bytes
Stat
 1 path string
 2 mode uint32
 3 uid uint32
 4 gid uint32
 5 size int64
 6 mtime int64
 7 link string
 8 devmajor int64
 9 devminor int64
 10 xattrs string>bytes
ReceivedPacket
 1 type int32
 2 stat ReceivedStat
 3 id uint32
 4 data bytes
ReceivedStat
 1 path bytes
 2 mode uint32
 3 uid uint32
 4 gid uint32
 5 size int64
 6 mtime int64
 7 link bytes
 8 devmajor int64
 9 devminor int64
 10 xattrs string>bytes
HealthResponse
 1 status int32
SecretRequest
 1 id string
SecretResponse
 1 data bytes
AgentRequest
 1 id string
CredentialsRequest
 1 host string
CredentialsResponse
 1 user string
 2 secret string
"""
