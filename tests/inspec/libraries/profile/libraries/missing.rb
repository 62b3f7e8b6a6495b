# `method_missing` is asked for what Ruby itself has not.
class Swallows < Inspec.resource(1)
  name 'swallows'

  def initialize(path = nil)
    raise Inspec::Exceptions::ResourceFailed, 'cannot read' if path.nil?
    @count = 0
    loop { @count += 1; break if @count == 3 }
  end

  def method_missing(name, *_args)
    "missing #{name}"
  end

  def count
    Integer(@count.to_s)
  end
end

class Elsewhere < Inspec.resource(1)
  name 'elsewhere'
  supports platform: 'windows'

  def state
    1
  end
end

class Here < Inspec.resource(1)
  name 'here'
  supports platform: 'windows'
  supports platform: 'unix'

  def state
    1
  end
end

class OfNothing < Inspec.resource(1)
  name 'of_nothing'

  def initialize
    nil.split
  end
end
