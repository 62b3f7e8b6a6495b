# Resources of which nothing is to be tested, each for its own reason.
class Refuses < Inspec.resource(1)
  name 'refuses'

  def initialize(how)
    @how = how
    case how
    when 'skip' then skip_resource 'not for this system'
    when 'fail' then fail_resource 'out of order'
    when 'raise skipped' then raise Inspec::Exceptions::ResourceSkipped, 'not here'
    when 'raise failed' then raise Inspec::Exceptions::ResourceFailed, 'cannot be read'
    when 'abstract' then raise NotImplementedError, 'for a subclass'
    end
  end

  def state
    [resource_skipped?, resource_failed?, resource_exception_message]
  end

  def to_s
    "Refuses #{@how}"
  end
end
