# Modules of the site, then Lua's own places (the two semicolons).
export LUA_PATH="/projects/site/lua/?.lua;;"
