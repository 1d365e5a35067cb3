-- bag - a set of things that are alive, from which any one can be taken: a working set.
--
--      local bag = require "bag"
--      local live = bag()
--      live:put(t:kmalloc(100))
--      t:kfree(live:take(t))           -- any of them, drawn from the task's own stream; nil if there is none
--      #live                           -- how many

local methods = {}

local bags = {
        __index = methods,
        __len = function(self) return self.count end,
}

function methods:put(thing)
        self.count = self.count + 1
        self[self.count] = thing
end

function methods:take(t)
        if self.count == 0 then
                return nil
        end
        local i = t:random(self.count)
        local thing = self[i]

        self[i] = self[self.count]
        self[self.count] = nil
        self.count = self.count - 1
        return thing
end

return function()
        return setmetatable({ count = 0 }, bags)
end
