-- mix - a choice among values with different weights, in whole numbers.
--
--      local mix = require "mix"
--      local size = mix { { 50, 64 }, { 30, 256 }, { 20, 1500 } }     -- weight, value
--      t:kmalloc(size(t))                                             -- drawn from the task's own stream

return function(choices)
        local limits, values, total = {}, {}, 0

        for i, choice in ipairs(choices) do
                local weight, value = choice[1], choice[2]

                assert(math.type(weight) == "integer" and weight > 0, "mix: a weight is a whole number above 0")
                assert(value ~= nil, "mix: { weight, value }")
                total = total + weight
                limits[i], values[i] = total, value
        end
        assert(total > 0, "mix: no choices")

        return function(t)
                local draw, i = t:random(total), 1

                while draw > limits[i] do
                        i = i + 1
                end
                return values[i]
        end
end
