require 'forwardable'
require 'shellwords'

# A resource that hands on what others know, and reads files as InSpec's own do.
class Notes < Inspec.resource(1)
  name 'notes'
  extend Forwardable
  include FileReader

  attr_reader :path

  def_delegators :lines, :first, :last
  def_delegator :@path, :length, :width

  def initialize(path)
    @path = path
    raise Inspec::Exceptions::ResourceFailed, resource_exception_message if resource_failed?

    @text = read_file_content(path, true)
  end

  def lines
    @text.lines.map(&:strip).reject(&:blank?)
  end

  def line(word)
    Shellwords.escape(word)
  end

  def sorted
    inspec.backend.run_command("sort #{@path}").stdout
  end

  def to_s
    "Notes #{@path}"
  end
end
