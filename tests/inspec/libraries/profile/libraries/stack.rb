# A list of rules that says itself what it equals and includes.
class Stack < Inspec.resource(1)
  name 'stack'

  Line = Struct.new(:type, :control, :words) do
    def to_s
      "#{type} #{control} #{words.join(' ')}"
    end
  end

  class Lines < Array
    def of(type)
      select { |line| line.type == type }
    end

    def include?(text)
      return super(text) unless text.is_a?(String)

      any? { |line| line.to_s.match?(Regexp.new(text, Regexp::EXTENDED)) }
    end

    def to_s
      map(&:to_s).join("\n")
    end
  end

  attr_reader :lines

  def initialize(path)
    @lines = Lines.new
    inspec.file(path).content.lines.map(&:strip).each do |line|
      next if line.empty? || line.start_with?('#')

      type, rest = line.split(/\s+/, 2)
      control, words = rest.match(/^(\[.+\]|\S+)\s+(.*)$/).captures
      @lines << Line.new(type, control, words.split)
    end
  end

  def to_s
    'Stack'
  end
end

RSpec::Matchers.define :have_line do |expected|
  match do |actual|
    found = actual.include?(expected)
    found && (@rounds.nil? || rounds_of(actual).all? { |rounds| rounds.send(@operator, @rounds) })
  end

  chain :with_rounds do |operator, rounds|
    @operator = operator.to_sym
    @rounds = rounds
  end

  def rounds_of(actual)
    catch :done do
      actual.each { |line| line.words.each { |word| throw :done, [word[/\d+$/].to_i] if word.start_with?('rounds=') } }
      []
    end
  end

  description do
    "have the line #{expected}" + (@rounds ? " with rounds #{@operator} #{@rounds}" : '')
  end

  failure_message do |actual|
    "no such line in:\n#{actual}"
  end
end
