"""The Lua scripts of the queue: each is one step that happens wholly or not at all.

Beside AIL's keys they know, in the database of the lists, for each module M of ours:

    kuato:M:ticket    the last ticket given; every message taken has one, until it is finished
    kuato:M:held      hash: ticket -> holder, times taken, times put off, message; each but the last ended by a line's end
    kuato:M:due       zset: ticket -> when somebody (else) may take it, in ms since the epoch: end of the lease, or time of another try
    kuato:M:holders   hash: holder -> ticket
    kuato:M:dead      hash: ticket -> when and why (JSON), line's end, message
    kuato:M:counts    hash: outcome -> how many
    kuato:sent        set: 12 bytes of the SHA-256 of each tag sent, as message: no tag is sent twice

The first three arguments of all: module, database of the lists, database of AIL's account. Times come from the caller, so that
a test can tell the time; hosts that share a queue must agree on it to a few seconds, as AIL's own do.
"""

_HEAD = """
local module, lists, process = ARGV[1], ARGV[2], ARGV[3]
local queue = 'queue:' .. module .. ':in'
local ours = 'kuato:' .. module .. ':'
local held, due, holders, dead = ours .. 'held', ours .. 'due', ours .. 'holders', ours .. 'dead'

local function unpacked(value)
  local a = string.find(value, '\\n', 1, true)
  local b = string.find(value, '\\n', a + 1, true)
  local c = string.find(value, '\\n', b + 1, true)
  local tries, failures = tonumber(string.sub(value, a + 1, b - 1)), tonumber(string.sub(value, b + 1, c - 1))
  return string.sub(value, 1, a - 1), tries, failures, string.sub(value, c + 1)
end

local function packed(holder, tries, failures, message)
  return table.concat({holder, tries, failures, message}, '\\n')
end

local function hold(ticket, holder, tries, failures, message, expiry)
  redis.call('HSET', held, ticket, packed(holder, tries, failures, message))
  redis.call('ZADD', due, expiry, ticket)
  redis.call('HSET', holders, holder, ticket)
  return {ticket, tries, message, failures}
end

local function drop(ticket, holder)
  redis.call('HDEL', holders, holder)
  redis.call('HDEL', held, ticket)
  redis.call('ZREM', due, ticket)
end

-- AIL's own account, as bin/lib/ail_queues.py keeps it; only while the account's database is selected.
local function begun(gid, now)
  if redis.call('SADD', 'objs:process', gid) == 1 then
    redis.call('ZADD', 'objs:process:' .. string.match(gid, '^[^:]*'), now, gid)
  end
end

local function ended(gid, hash)
  redis.call('ZREM', 'obj:modules:' .. gid, module .. ':' .. hash)
  if redis.call('EXISTS', 'obj:queues:' .. gid, 'obj:modules:' .. gid) == 0 then
    redis.call('ZREM', 'objs:process:' .. string.match(gid, '^[^:]*'), gid)
    redis.call('SREM', 'objs:process', gid)
    redis.call('SADD', 'objs:processed', gid)
  end
end

local function taken(gid, hash, now)
  begun(gid, now)
  redis.call('ZADD', 'obj:modules:' .. gid, now, module .. ':' .. hash)
  redis.call('ZREM', 'obj:queues:' .. gid, module .. ':' .. hash)
end
"""

# ARGV: holder, pid, now in ms, lease in ms, then for messages that may be the next: message, gid ("" if AIL keeps no account), hash.
# Answers {ticket, times taken, message, times put off}; {"", 0, message, 0} for a next message that is not among those; nothing when
# there is none. A holder that lost an answer gets the same ticket again.
TAKE = (
    _HEAD
    + """
local holder, pid, now, lease = ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local seconds = math.floor(now / 1000)
redis.call('HSET', 'queues', module, redis.call('LLEN', queue))
redis.call('SADD', 'modules', module)
redis.call('HSET', 'module:' .. module, pid, seconds)

local mine = redis.call('HGET', holders, holder)
if mine then
  local _, tries, failures, message = unpacked(redis.call('HGET', held, mine))
  return hold(mine, holder, tries, failures, message, now + lease)
end

local again = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 1)[1]
if again then
  local before, tries, failures, message = unpacked(redis.call('HGET', held, again))
  if redis.call('HGET', holders, before) == again then redis.call('HDEL', holders, before) end
  return hold(again, holder, tries + 1, failures, message, now + lease)
end

local message = redis.call('LINDEX', queue, 0)
if not message then return false end
for i = 8, #ARGV, 3 do
  if ARGV[i] == message then
    local ticket = tostring(redis.call('INCR', ours .. 'ticket'))
    local found = hold(ticket, holder, 1, 0, message, now + lease)
    redis.call('LPOP', queue)
    redis.call('HSET', 'queues', module, redis.call('LLEN', queue))
    if ARGV[i + 1] ~= '' then
      redis.call('SELECT', process)
      taken(ARGV[i + 1], ARGV[i + 2], seconds)
      redis.call('SELECT', lists)
    end
    return found
  end
end
return {'', 0, message, 0}
"""
)

# ARGV: holder, ticket ("" for tags that follow from no message), gid ("" if AIL keeps no account), hash, now in ms, outcome,
# number of modules that get tags, these, then for each tag: 12 bytes, gid, message, hash.
# Answers how many tags were sent; -1 when the ticket is another's by now: then nothing has happened.
FINISH = (
    _HEAD
    + """
local holder, ticket, gid, hash, now = ARGV[4], ARGV[5], ARGV[6], ARGV[7], math.floor(tonumber(ARGV[8]) / 1000)
if ticket ~= '' and redis.call('HGET', holders, holder) ~= ticket then return -1 end
local receivers = tonumber(ARGV[10])
local sent = {}
for i = 11 + receivers, #ARGV, 4 do
  if redis.call('SADD', 'kuato:sent', ARGV[i]) == 1 then
    sent[#sent + 1] = i
    for r = 11, 10 + receivers do
      redis.call('RPUSH', 'queue:' .. ARGV[r] .. ':in', ARGV[i + 2])
      redis.call('HSET', 'queues', ARGV[r], redis.call('LLEN', 'queue:' .. ARGV[r] .. ':in'))
    end
  end
end
if ticket ~= '' then drop(ticket, holder) end
redis.call('HINCRBY', ours .. 'counts', ARGV[9], 1)
if #sent > 0 then redis.call('HINCRBY', ours .. 'counts', 'tags', #sent) end
redis.call('SELECT', process)
for _, i in ipairs(sent) do
  begun(ARGV[i + 1], now)
  for r = 11, 10 + receivers do
    redis.call('ZADD', 'obj:queues:' .. ARGV[i + 1], now, ARGV[r] .. ':' .. ARGV[i + 3])
  end
end
if gid ~= '' then ended(gid, hash) end
redis.call('SELECT', lists)
return #sent
"""
)

# ARGV: holder, ticket, when to try again in ms. Answers 1; 0 when the ticket is another's by now.
LATER = (
    _HEAD
    + """
if redis.call('HGET', holders, ARGV[4]) ~= ARGV[5] then return 0 end
local _, tries, failures, message = unpacked(redis.call('HGET', held, ARGV[5]))
redis.call('HSET', held, ARGV[5], packed('', tries, failures + 1, message))
redis.call('HDEL', holders, ARGV[4])
redis.call('ZADD', due, ARGV[6], ARGV[5])
return 1
"""
)

# ARGV: holder, ticket, gid, hash, why (JSON). Answers 1; 0 when the ticket is another's by now.
BURY = (
    _HEAD
    + """
if redis.call('HGET', holders, ARGV[4]) ~= ARGV[5] then return 0 end
local _, _, _, message = unpacked(redis.call('HGET', held, ARGV[5]))
redis.call('HSET', dead, ARGV[5], ARGV[8] .. '\\n' .. message)
drop(ARGV[5], ARGV[4])
redis.call('HINCRBY', ours .. 'counts', 'dead', 1)
if ARGV[6] ~= '' then
  redis.call('SELECT', process)
  ended(ARGV[6], ARGV[7])
  redis.call('SELECT', lists)
end
return 1
"""
)

# ARGV: ticket, gid, hash, now in ms. Lets a dead message be taken as if for the first time. Answers 1, 0 when there is none.
REPLAY = (
    _HEAD
    + """
local value = redis.call('HGET', dead, ARGV[4])
if not value then return 0 end
local message = string.sub(value, string.find(value, '\\n', 1, true) + 1)
redis.call('HSET', held, ARGV[4], packed('', 0, 0, message))
redis.call('ZADD', due, ARGV[7], ARGV[4])
redis.call('HDEL', dead, ARGV[4])
if ARGV[5] ~= '' then
  redis.call('SELECT', process)
  taken(ARGV[5], ARGV[6], math.floor(tonumber(ARGV[7]) / 1000))
  redis.call('SELECT', lists)
end
return 1
"""
)

# ARGV: holder, now in ms. What a dead holder had may be taken at once; what was in the hands of several that died, later and later,
# so that it does not keep others from their work if it is what they died of.
RELEASE = (
    _HEAD
    + """
local ticket = redis.call('HGET', holders, ARGV[4])
if not ticket then return 0 end
local _, tries, failures = unpacked(redis.call('HGET', held, ticket))
redis.call('HDEL', holders, ARGV[4])
redis.call('ZADD', due, ARGV[5] + 1000 * (tries - failures - 1) ^ 2, ticket)
return 1
"""
)

# ARGV: pid, now in ms. As AIL's AILQueue._stop_module, which never deletes the list.
LEAVE = (
    _HEAD
    + """
redis.call('HDEL', 'module:' .. module, ARGV[4])
redis.call('HDEL', 'module:start:' .. module, ARGV[4])
if redis.call('HLEN', 'module:' .. module) == 0 then redis.call('SREM', 'modules', module) end
return 1
"""
)
