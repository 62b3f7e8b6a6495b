-- What job filters and environment modules of the site have in common.
local site = {}

--- Reads KEY=value lines, such as those of /etc/forge-release, into a table.
function site.read_release(path)
  local fields = {}
  for line in io.lines(path or "/etc/forge-release") do
    local key, value = line:match("^(%w+)=(.*)$")
    if key then
      fields[key] = value
    end
  end
  return fields
end

return site
