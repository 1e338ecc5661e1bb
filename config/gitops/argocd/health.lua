-- The health of every kind of authz.bailiwick.dev, by its conditions. What is over, suspended or not begun
-- is Ready, and so Healthy; what an object gives now is in its status. What is paused while an edit waits is
-- not Ready for the reason for which it is paused.
local health = { status = "Progressing", message = "The operator has not seen it yet." }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "The operator has not seen the last change yet."
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local ready = conditions["Ready"]
if ready == nil then
  return health
end
health.message = ready.reason .. ": " .. ready.message
local paused = conditions["Paused"]
if paused ~= nil and paused.status == "True" and ready.status ~= "True" and ready.reason == paused.reason then
  health.status = "Suspended"
elseif conditions["Reconciling"] ~= nil and conditions["Reconciling"].status == "True" then
  health.status = "Progressing"
elseif conditions["Stalled"] ~= nil and conditions["Stalled"].status == "True" then
  health.status = "Degraded"
elseif ready.status == "True" then
  health.status = "Healthy"
end
return health
